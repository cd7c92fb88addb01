"""The assets of the release stage: one a release, those that come with the project and those that ``ocr.toml`` names."""

import dataclasses
from typing import Any

import dagster as dg
from pydantic import BaseModel, create_model

from ocr_assets.exports.profiles import PROFILES, ReleaseProfile
from ocr_assets.exports.release import release
from ocr_assets.exports.settings import ReleaseOptions
from ocr_assets.platform.assets import Results, defaults, in_force, lake_asset
from ocr_assets.platform.releases import BUNDLED, named_releases, wrong_name
from resources.settings import LakeResource, read_project
from resources.settings.project import RELEASES


def release_asset(name: str, profile: ReleaseProfile) -> dg.AssetsDefinition:
    """The asset of a release. Its configuration is the profile's filters, with the project's values as defaults, and
    ``ReleaseOptions``."""
    # The options stand behind the filters; Dagster reads the fields of a class in the order in which they were declared.
    fields: type[BaseModel] = create_model(f"{name}_settings", __base__=(ReleaseOptions, profile.settings))
    config: Any = create_model(f"{name}_config", __base__=(fields, dg.Config), __doc__=profile.settings.__doc__)

    def released(context: dg.AssetExecutionContext, config: Any, lake: LakeResource) -> Results:
        wanted, own = _filters(profile, config), _filters(profile, defaults(type(config)))
        target = _name(name, wanted, own, config.release_as)
        table = dataclasses.replace(profile.table, name=target)
        yield from release(context, lake, profile.make(wanted, table), config.keep_versions)

    released.__doc__ = (
        f"{profile.about}. Lies in `releases/{name}/current` under OCR_HOME, a version a folder; a new one is made when rows, "
        "settings or benchmarks changed."
    )
    released.__annotations__["config"] = config
    return lake_asset(
        dataclasses.replace(profile.table, name=name),
        group="release",
        deps=profile.deps,
        kinds={"parquet", "huggingface"},
        section=f"{RELEASES}.{name}",
        decided_by=lambda: {"profile": profile.name, "settings": in_force(config, *ReleaseOptions.model_fields)},
    )(released)


def _filters(profile: ReleaseProfile, config: Any) -> BaseModel:
    return profile.settings(**{field: getattr(config, field) for field in profile.settings.model_fields})


def _name(asset: str, wanted: BaseModel, own: BaseModel, release_as: str) -> str:
    """The name that is released under. Settings belong to a name: others than the project's need one of their own.

    Raises ``dg.Failure`` in one line.
    """
    if release_as:
        names = named_releases(read_project())
        fault = wrong_name(release_as) or (f"{release_as} is a release of the project" if release_as in names else None)
        if fault:
            raise dg.Failure(f"release_as={release_as}: {fault}", allow_retries=False)
        return release_as
    ours, theirs = own.model_dump(), wanted.model_dump()
    changed = ", ".join(f"{name}={theirs[name]!r}" for name in ours if ours[name] != theirs[name])
    if changed:
        raise dg.Failure(
            f"{asset}: {changed} is not what the project says of this release; give the result a name of its own (release_as), "
            f"or write it into [{RELEASES}.{asset}] of ocr.toml",
            allow_retries=False,
        )
    return asset


RELEASE_ASSETS = [release_asset(name, PROFILES[profile]) for name, profile in named_releases(read_project()).items()]

__all__ = ["BUNDLED", "RELEASE_ASSETS", "release_asset"]
