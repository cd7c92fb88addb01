"""Every setting of the outside world: one typed resource a thing, each in a module of its own, filled from environment variables
and the project file.

What belongs here: names, types, defaults, bounds and variables of settings, and how a setting becomes the thing. The things
themselves are in the packages beside; heavy ones are imported only when used, so the code server starts in seconds. Keys are no
settings (``resources/secrets.py``). A stage has a settings model of its own, filled by the same
``environment.py``.

Apart from ``project.py`` they bring Dagster with them, so they are imported when they are asked for: a command that only asks a
question must not wait for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resources.settings.every import (
        BUNDLED,
        RESOURCES,
        AnnotatorResource,
        AutomationSettings,
        BenchmarksResource,
        CriticResource,
        EmbedderResource,
        EvaluatedResource,
        JudgesResource,
        LakeResource,
        OpenLineageSettings,
        Project,
        SandboxResource,
        SourcesResource,
        SynthesisResource,
        TeacherResource,
        TokenizerResource,
        TrainingResource,
        UpkeepSettings,
        WarningSettings,
        WorkSettings,
        WrongSetting,
        environment_defaults,
        from_environment,
        prices_of,
        read_project,
        resources_from_environment,
    )

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


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.every"), name)
