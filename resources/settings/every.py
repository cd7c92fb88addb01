"""All settings together: the resources by name, filled. Import them from ``resources.settings``, which says what belongs here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from resources.settings.analysis import AnnotatorResource, CriticResource
from resources.settings.automation import AutomationSettings
from resources.settings.base import Settings
from resources.settings.embedder import EmbedderResource
from resources.settings.environment import WrongSetting, environment_defaults, from_environment, given
from resources.settings.evaluation import BenchmarksResource, EvaluatedResource
from resources.settings.lake import LakeResource
from resources.settings.models import JudgesResource, TeacherResource, prices_of
from resources.settings.openlineage import OpenLineageSettings
from resources.settings.project import Project, read_project
from resources.settings.sandbox import SandboxResource
from resources.settings.sources import BUNDLED, SourcesResource
from resources.settings.synthesis import SynthesisResource
from resources.settings.tokenizer import TokenizerResource
from resources.settings.training import TrainingResource
from resources.settings.upkeep import UpkeepSettings
from resources.settings.warnings import WarningSettings
from resources.settings.work import WorkSettings

__all__ = [
    "BUNDLED",
    "RESOURCES",
    "AnnotatorResource",
    "AutomationSettings",
    "BenchmarksResource",
    "CriticResource",
    "EmbedderResource",
    "EvaluatedResource",
    "JudgesResource",
    "LakeResource",
    "OpenLineageSettings",
    "Project",
    "SandboxResource",
    "SourcesResource",
    "SynthesisResource",
    "TeacherResource",
    "TokenizerResource",
    "TrainingResource",
    "UpkeepSettings",
    "WarningSettings",
    "WorkSettings",
    "WrongSetting",
    "environment_defaults",
    "from_environment",
    "prices_of",
    "read_project",
    "resources_from_environment",
]

# The name by which assets ask for a resource, which is its section in ``ocr.toml`` → its settings.
RESOURCES: Mapping[str, type[Settings]] = {
    resource.section: resource
    for resource in (
        LakeResource,
        SourcesResource,
        SynthesisResource,
        TeacherResource,
        JudgesResource,
        EvaluatedResource,
        BenchmarksResource,
        AnnotatorResource,
        CriticResource,
        EmbedderResource,
        TokenizerResource,
        TrainingResource,
        SandboxResource,
    )
}


def resources_from_environment(environment: Mapping[str, str] = os.environ) -> dict[str, Settings]:
    """All resources by name, each field from who gave it (``environment.py``), else its default. Raises ``WrongSetting``."""
    project = read_project(environment)
    return {name: _prefilled(resource, environment, project) for name, resource in RESOURCES.items()}


def _prefilled(resource: type[Settings], environment: Mapping[str, str], project: Project) -> Settings:
    """The resource, of a class whose defaults are what was given: a launchpad that sets one field leaves the others alone."""
    found = given(resource, environment, project=project)
    if not found:
        return resource()
    filled = from_environment(resource, environment, project=project)
    own: Any = type(resource.__name__, (resource,), {"__module__": resource.__module__, "__doc__": resource.__doc__})
    for name in found:
        own.model_fields[name].default = getattr(filled, name)
    own.model_rebuild(force=True)
    prefilled: Settings = own(**{name: getattr(filled, name) for name in found})
    return prefilled
