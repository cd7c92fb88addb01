"""Which assets have nothing to do: nothing that decides their result has changed since they last ran to their end.

What decides it: the code, the asset's configuration, the settings of its resources, the files that these name, files beside the
lake that the asset is declared to read or write, and the versions of the tables that it read. This is remembered beside the lake
(``$OCR_HOME/lake/settled``), a file for each asset and set of partitions. The files are a memory, not data: without one the asset
looks through its inputs for what is new, as it does whenever something has changed.

An asset is not settled either if it had to leave something undone (answers that did not come, faults of the sandbox), if somebody
else wrote one of its tables while it ran, or if the lake is not the one it ran in, such as one restored from a backup.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sysconfig
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from ocr_assets.platform.assets import FILES_READ, FILES_WRITTEN, LOOKS_AT
from ocr_assets.platform.sections import config_class
from resources.lake import NEVER_WRITTEN, Lake, Watch
from resources.settings import LakeResource, WarningSettings, from_environment

AGAIN = "ocr/again"  # tag of a run whose assets shall look through their inputs whatever is remembered
_MANY_FILES = 20_000  # to look at more of them takes longer than most assets do
_REVISION = re.compile(r"hub:[^@]*@[0-9a-f]{40}")  # names of branches and tags come to mean other files
_ROOT = Path(__file__).resolve().parents[2]


class _NeverSettled(Exception):
    """Something decides the result that cannot be seen from here, such as what lies on the Hub now."""


@dataclass(frozen=True)
class Now:
    """A lake as it is now. ``versions``: of all its datasets, read once for many assets."""

    store: Lake
    versions: Mapping[str, str]

    @classmethod
    def of(cls, store: Lake) -> Now:
        return cls(store, store.versions())


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
            waiting = sorted(lake.journals.folder.glob(f"{name}*/*.jsonl"))
            return [*waiting, lake.releases / name, *_declared(asset, FILES_WRITTEN, lake)]

        return cls(lake.root / "lake" / "settled" / f"{name}{scope}.json", name, decided_by, own)

    def holds(self, now: Now) -> bool:
        """Whether all is as it was when the asset last ran to its end, and nothing was left undone then."""
        if self.decided_by is None:
            return False
        try:
            known = json.loads(self.path.read_text(encoding="utf-8"))
            number, when = known["commit"]
            if known["decided_by"] != self.decided_by or now.store.time_of_commit(number) != when:
                return False
            as_known = bool(known["tables"] == {name: now.versions.get(name, NEVER_WRITTEN) for name in known["tables"]})
            return as_known and known["own_files"] == self._own_files()
        except (OSError, ValueError, KeyError, TypeError, _NeverSettled):  # none yet, or damaged
            return False

    def remember(self, store: Lake, watch: Watch) -> None:
        """That the asset ran to its end, having read and written what ``watch`` saw, and left nothing undone."""
        if self.decided_by is None or watch.disturbed:
            return
        own = {self.table: watch.at_start.get(self.table, NEVER_WRITTEN)}
        try:
            state = {
                "decided_by": self.decided_by,
                "own_files": self._own_files(),
                "tables": {**watch.read(), **own, **watch.written},
                "commit": store.last_commit(),
            }
        except _NeverSettled:
            return
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


def _deciders(asset: dg.AssetsDefinition, config: Mapping[str, Any], resources: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "code", _CODE
    model = config_class(asset)
    values = model(**config).model_dump(mode="json") if model else {}
    yield "configuration", _hash(values)
    named = [*_texts(values)]
    for name in sorted(asset.required_resource_keys - {"io_manager", "lake"}):
        fields = resources[name].model_dump(mode="json", include=_looks_at(asset).get(name))
        yield name, _hash(fields)
        named += _texts(fields)
    yield "warnings", _hash(from_environment(WarningSettings).model_dump(mode="json"))
    paths = [*_paths(named), *_declared(asset, FILES_READ, resources["lake"])]
    yield "files", _hash([_seen(path) for path in [*paths, *_named_by_definitions(paths)]])


def _looks_at(asset: dg.AssetsDefinition) -> dict[str, set[str]]:
    """Resource → the fields of it that decide the asset's result, where not all do."""
    declared = asset.metadata_by_key[asset.key].get(LOOKS_AT)
    names: Any = declared.value if isinstance(declared, dg.JsonMetadataValue) else {}
    return {resource: set(fields) for resource, fields in names.items()}


def _declared(asset: dg.AssetsDefinition, what: str, lake: LakeResource) -> list[Path]:
    """The files beside the lake that the asset is declared to read, or to write."""
    declared = asset.metadata_by_key[asset.key].get(what)
    names: Any = declared.value if isinstance(declared, dg.JsonMetadataValue) else ()
    return [lake.root / name for name in names]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


def _paths(texts: Iterable[str], base: Path | None = None) -> Iterator[Path]:
    """Those of the texts that name a file or folder (from ``base`` on), also in a list by comma and as name=path."""
    for text in texts:
        # A name may hold a comma or an equals sign itself.
        words = {part.strip() for word in (text, *text.split(",")) for part in (word, word.partition("=")[2])}
        for word in sorted(words - {""}):
            if word == "hub" or (word.startswith("hub:") and not _REVISION.fullmatch(word)):
                raise _NeverSettled(word)
            if len(word) < 4096 and "\0" not in word and "\n" not in word:
                try:
                    path = (base or Path()) / Path(word).expanduser()
                    if path.exists():
                        yield path
                except (OSError, RuntimeError):  # no name of a file: too long, a home of nobody, a folder that may not be read
                    continue


def _named_by_definitions(paths: Iterable[Path]) -> Iterator[Path]:
    """What definitions among these files and folders (of subsets, of mixes) name in their turn, from their own folder on."""
    for path in paths:
        for file in [path] if path.suffix == ".toml" else sorted(path.glob("*.toml")) if path.is_dir() else []:
            try:
                fields = tomllib.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError):  # who reads it for its meaning says what is wrong with it
                continue
            yield from _paths(_texts(fields), file.parent)


def _seen(path: Path) -> list[Any]:
    """Names, sizes and times of a file or of all files below a folder. Contents are not read: the time of a file's last change
    of any kind tells of those that kept their size and were given an old date, as when an archive is unpacked."""
    files = []
    for file in _files(path):
        files.append((str(file.relative_to(path)), *_state(file)))
        if len(files) > _MANY_FILES:
            raise _NeverSettled(path)
    return [str(path), *sorted(files)]


def _files(path: Path) -> Iterator[Path]:
    """A file itself, or all files below a folder, and links, which are followed."""
    if not path.is_dir():
        yield path
        return
    entered = {_identity(path)}
    for folder, names, files in os.walk(path, followlinks=True):
        yield from (Path(folder, name) for name in files)
        yield from (Path(folder, name) for name in names if Path(folder, name).is_symlink())
        new = {name: _identity(Path(folder, name)) for name in names if name != "__pycache__"}
        names[:] = [name for name, identity in new.items() if identity not in entered]
        entered |= set(new.values())


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:  # gone meanwhile
        return None
    return status.st_dev, status.st_ino


def _state(file: Path) -> tuple[str, int, int, int]:
    """Where a link leads, and size and times of the file, or of the file there."""
    try:
        target = os.readlink(file) if file.is_symlink() else ""
        if file.is_dir():
            return target, 0, 0, 0
        status = file.stat()
    except OSError as error:  # gone meanwhile, a link to nowhere, or not for us to see
        return error.strerror or "?", 0, 0, 0
    return target, status.st_size, status.st_mtime_ns, status.st_ctime_ns


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

__all__ = ["AGAIN", "Memory", "Now", "memory_of_step", "partitions_of"]
