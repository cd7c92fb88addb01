"""Every setting of the outside world: one typed resource a thing, each in a module of its own, filled from environment variables.

What belongs here: names, types, defaults, bounds and variables of settings, and how a setting becomes the thing. The things
themselves are in the packages beside; heavy ones are imported only when used, so the code server starts in seconds. Keys are no
settings (``resources/secrets.py``). A stage has a settings model of its own, filled by the same
``environment.py``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from resources.settings.base import Settings
from resources.settings.embedder import EmbedderResource
from resources.settings.environment import WrongSetting, environment_defaults, from_environment
from resources.settings.evaluation import BenchmarksResource, EvaluatedResource
from resources.settings.lake import LakeResource
from resources.settings.models import JudgesResource, TeacherResource, prices_of
from resources.settings.sandbox import SandboxResource
from resources.settings.sources import BUNDLED, SourcesResource
from resources.settings.synthesis import SynthesisResource
from resources.settings.tokenizer import TokenizerResource
from resources.settings.training import TrainingResource

__all__ = [
    "BUNDLED",
    "RESOURCES",
    "BenchmarksResource",
    "EmbedderResource",
    "EvaluatedResource",
    "JudgesResource",
    "LakeResource",
    "SandboxResource",
    "SourcesResource",
    "SynthesisResource",
    "TeacherResource",
    "TokenizerResource",
    "TrainingResource",
    "WrongSetting",
    "environment_defaults",
    "from_environment",
    "prices_of",
    "resources_from_environment",
]

# The name by which assets ask for a resource → its settings.
RESOURCES: Mapping[str, type[Settings]] = {
    "lake": LakeResource,
    "sources": SourcesResource,
    "synthesis": SynthesisResource,
    "teacher": TeacherResource,
    "judges": JudgesResource,
    "evaluated": EvaluatedResource,
    "benchmarks": BenchmarksResource,
    "embedder": EmbedderResource,
    "tokenizer": TokenizerResource,
    "training": TrainingResource,
    "sandbox": SandboxResource,
}


def resources_from_environment(environment: Mapping[str, str] = os.environ) -> dict[str, Settings]:
    """All resources by name, each field from its variable where that is set. Raises ``WrongSetting``."""
    return {name: from_environment(resource, environment) for name, resource in RESOURCES.items()}
