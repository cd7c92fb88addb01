"""Which assets have nothing to do: nothing that decides their result has changed since they last ran to their end.

What decides it: the code, the asset's configuration, the settings of its resources, the files that these name, and the versions
of the tables that it read. This is remembered beside the lake (``$OCR_HOME/lake/settled``), a file for each asset and set of
partitions. The files are a memory, not data: without one the asset looks through its inputs for what is new, as it does
whenever something has changed. An asset that had to leave something undone (answers that did not come, faults of the sandbox)
is never settled.
"""

from __future__ import annotations

import hashlib
import json
import os
import sysconfig
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import BaseModel

from resources.lake import NEVER_WRITTEN, Lake, Watch
from resources.settings import LakeResource

AGAIN = "ocr/again"  # tag of a run whose assets shall look through their inputs whatever is remembered
_MANY_FILES = 20_000  # to look at more of them takes longer than most assets do
_ROOT = Path(__file__).resolve().parents[2]


class _NeverSettled(Exception):
    """Something decides the result that cannot be seen from here, such as what lies on the Hub now."""


@dataclass(frozen=True)
class Memory:
    """What is remembered of an asset, or of some partitions of it.

    ``decided_by``: part (code, configuration, a resource, files) → hash of it as it was when this was made; None: it cannot be
    known. ``own``: files that the asset writes itself.
    """

    path: Path
    table: str
    decided_by: Mapping[str, str] | None
    own: Callable[[], list[Path]]

    @classmethod
    def of(
        cls,
        asset: dg.AssetsDefinition,
        config: Mapping[str, Any],
        resources: Mapping[str, Any],
        partitions: Collection[str] = (),
    ) -> Memory:
        """The memory of ``asset`` under this configuration and these resources.

        Args:
            asset: made by ``lake_asset``: it has the name of its table.
            config: values of its configuration; others have their defaults.
            resources: name → resource, ``lake`` and all that the asset requires among them.
            partitions: keys of the partitions, if it has any.
        """
        lake: LakeResource = resources["lake"]
        name = asset.key.path[-1]
        scope = "." + hashlib.md5(repr(sorted(partitions)).encode(), usedforsecurity=False).hexdigest()[:12] if partitions else ""
        try:
            decided_by: dict[str, str] | None = dict(_deciders(asset, config, resources))
        except _NeverSettled:
            decided_by = None

        def own() -> list[Path]:
            # What a killed run paid for waits in the journals' segments.
            return [*sorted(lake.journals.glob(f"{name}*/*.jsonl")), lake.releases / name]

        return cls(lake.root / "lake" / "settled" / f"{name}{scope}.json", name, decided_by, own)

    def holds(self, versions: Mapping[str, str]) -> bool:
        """Whether all is as it was when the asset last ran to its end, and nothing was left undone then.

        ``versions``: of all datasets of the lake, as they are now.
        """
        if self.decided_by is None:
            return False
        try:
            known = json.loads(self.path.read_text(encoding="utf-8"))
            tables = {**known["read"], **known["written"]}
            as_known = known["decided_by"] == self.decided_by and known["own_files"] == self._own_files()
        except (OSError, ValueError, KeyError, TypeError):  # none yet, or damaged
            return False
        return bool(as_known and tables == {name: versions.get(name, NEVER_WRITTEN) for name in tables})

    def remember(self, store: Lake, watch: Watch) -> None:
        """That the asset ran to its end, having read and written what ``watch`` saw, and left nothing undone."""
        if self.decided_by is None:
            return
        written = {self.table, *watch.written}
        read = {name: version for name, version in watch.read().items() if name not in written}
        state = {
            "decided_by": self.decided_by,
            "own_files": self._own_files(),
            "read": read,
            "written": store.versions(written),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        building = self.path.with_suffix(f".{os.getpid()}")
        building.write_text(json.dumps(state), encoding="utf-8")
        building.replace(self.path)

    def _own_files(self) -> str:
        return _hash([_seen(path) for path in self.own()])


def memory_of_step(context: dg.AssetExecutionContext, lake: LakeResource) -> Memory:
    """The memory of the asset that is being run."""
    asset = context.assets_def
    names = asset.required_resource_keys - {"io_manager"}
    resources = {name: getattr(context.resources, name) for name in names}
    config = context.op_execution_context.op_config or {}
    return Memory.of(asset, config, {**resources, "lake": lake}, partitions_of(context))


def partitions_of(context: dg.AssetExecutionContext) -> list[str]:
    """The partitions that a step makes; none, where the asset has none, whatever partition the run is about."""
    return [] if context.assets_def.partitions_def is None else list(context.partition_keys)


def config_class(asset: dg.AssetsDefinition) -> type[BaseModel] | None:
    """The class of an asset's configuration, if it has one."""
    from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction  # what an asset was made of

    function = asset.op.compute_fn
    assert isinstance(function, DecoratedOpFunction)
    config = typing.get_type_hints(function.decorated_fn).get("config")
    return config if config is None or issubclass(config, BaseModel) else None


def _deciders(asset: dg.AssetsDefinition, config: Mapping[str, Any], resources: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "code", _CODE
    model = config_class(asset)
    values = model(**config).model_dump(mode="json") if model else {}
    yield "configuration", _hash(values)
    named = [*_texts(values)]
    for name in sorted(asset.required_resource_keys - {"io_manager", "lake"}):
        fields = resources[name].model_dump(mode="json")
        yield name, _hash(fields)
        named += _texts(fields)
    yield "files", _hash([_seen(path) for path in _paths(named)])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


def _paths(texts: Iterable[str]) -> Iterator[Path]:
    """Those of the texts that name a file or folder, also in a list by comma and as name=path."""
    for text in texts:
        for word in text.split(","):
            word = word.partition("=")[2].strip() or word.strip()
            if word == "hub" or (word.startswith("hub:") and "@" not in word):
                raise _NeverSettled(word)
            if word and len(word) < 4096 and "\0" not in word and "\n" not in word:
                path = Path(word).expanduser()
                try:
                    if path.exists():
                        yield path
                except OSError:  # no name of a file: too long, or under a folder that may not be read
                    continue


def _seen(path: Path) -> list[Any]:
    """Names, sizes and times of a file or of all files below a folder. Contents are not read."""
    files = sorted(_files(path))
    if len(files) > _MANY_FILES:
        raise _NeverSettled(path)
    return [str(path), *((str(file.relative_to(path)), status.st_size, status.st_mtime_ns) for file, status in files)]


def _files(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    if path.is_file():
        yield path, path.stat()
        return
    for folder, names, files in os.walk(path):
        names[:] = [name for name in names if name != "__pycache__"]
        for name in files:
            file = Path(folder, name)
            yield file, file.stat()


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _code() -> str:
    """The files of the code, and the folder into which packages are installed."""
    folders = [_ROOT / name for name in ("ocr_assets", "resources", "sandbox_images")]
    packages = Path(sysconfig.get_paths()["purelib"])
    return _hash([*(_seen(folder) for folder in folders if folder.is_dir()), packages.stat().st_mtime_ns])


# Taken when the code is loaded: a server that runs for days does not run what was written to the files since.
_CODE = _code()

__all__ = ["AGAIN", "Memory", "config_class", "memory_of_step"]
