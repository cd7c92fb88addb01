"""The project file ``ocr.toml``: a person's choices, kept in one place that command line, schedules and UI all read.

What belongs here: finding the file, reading it, and where in it something stands. What a section's fields mean is said by the
settings models (the modules beside, the stages' ``settings.py``), which ``environment.py`` fills. No Dagster here: a command
that only asks a question must not wait for it.

A section is a resource (``[teacher]``), an asset (``[r1_traces]``), a named release (``[releases.strict]``) or one of the
graph's own. The file is found by ``OCR_PROJECT``, else as ``ocr.toml`` in the current folder, else there is none. Keys and
passwords never stand in it (``resources/secrets.py``).
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from resources.secrets import SECRETS, has_password, hidden

NAME = "ocr.toml"
VARIABLE = "OCR_PROJECT"
SET_VARIABLE = "OCR_SET"  # what --set gave, as TOML lines, for this process and those that it starts
RELEASES = "releases"
HOME = ".ocr"

_HEADER = re.compile(r"^\s*\[\s*([^\[\]]+?)\s*\]\s*(#.*)?$")
_FIELD = re.compile(r"^\s*([\w\-.\"' ]+?)\s*=")
_LIKE_A_KEY = re.compile(r"(^|_)(key|token|password|passwd|secret|credential)s?$", re.IGNORECASE)
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class WrongSetting(ValueError):
    """A setting that cannot be used. One line: who gave it, its value, and what to give instead."""


@dataclass(frozen=True)
class Project:
    """What ``ocr.toml`` says.

    ``file``: the file; None: there is none, and all is empty. ``digest``: sha256 of its bytes. ``sections``: name → field →
    value as TOML has it. ``overrides``: the same, by ``--set``, as texts; they outweigh everything. ``lines``: where the names
    stand.
    """

    file: Path | None = None
    digest: str = ""
    sections: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """What relative paths in the file start from."""
        return self.file.parent if self.file is not None else Path()

    def section(self, name: str) -> Mapping[str, Any]:
        """The fields of a section (``teacher``, ``releases.strict``); none if it is not there. Raises ``WrongSetting``."""
        return _section(self.sections, name, self.place(*name.split(".")))

    def set_by_hand(self, name: str) -> Mapping[str, Any]:
        """The fields of a section that ``--set`` gave."""
        return _section(self.overrides, name, "--set")

    @property
    def releases(self) -> tuple[str, ...]:
        """The names of the releases that it has sections for."""
        return tuple(self.section(RELEASES))

    def place(self, *path: str) -> str:
        """Where in the file something stands: ``ocr.toml, line 12``."""
        name = self.file.name if self.file is not None else NAME
        found = self.lines.get(path)
        return f"{name}, line {found}" if found else name

    def refuse_unknown(self, known: Mapping[str, Collection[str] | None]) -> None:
        """Raises ``WrongSetting`` at a section or field that there is not. ``known``: section → fields; None: others check."""
        for name in self.sections:
            if name not in known:
                raise WrongSetting(self.unknown((name,), "section", known))
            fields = known[name]
            if fields is not None:
                self.refuse_fields(name, fields)

    def refuse_fields(self, section: str, known: Collection[str]) -> None:
        """Raises ``WrongSetting`` at a field of the section that there is not."""
        for name in self.section(section):
            if name not in known:
                raise WrongSetting(self.unknown((*section.split("."), name), "setting", known))

    def unknown(self, path: tuple[str, ...], noun: str, known: Iterable[str]) -> str:
        """The line that refuses a name. What it was to be set to is not shown: it may be a key."""
        *section, name = path
        within = f" in [{'.'.join(section)}]" if section else ""
        if _LIKE_A_KEY.search(name):
            variables = ", ".join(secret.variable for secret in SECRETS)
            return f"wrong setting: {self.place(*path)}: {name}{within}: keys are only ever environment variables: {variables}"
        return hidden(f"wrong setting: {self.place(*path)}: there is no {noun} {name}{within}; there are {', '.join(known)}")


def read_project(environment: Mapping[str, str] = os.environ) -> Project:
    """The project of this environment and the current folder. Raises ``WrongSetting`` in one line with file and line."""
    file = _find(environment)
    overrides = _overrides(environment.get(SET_VARIABLE, ""))
    for path, value in _leaves(overrides, ()):
        _refuse_password(f"--set {'.'.join(path)}", value)
    if file is None:
        return Project(overrides=overrides)
    try:
        content = file.read_bytes()
        text = content.decode("utf-8-sig")  # some editors begin a file with a mark
        sections = tomllib.loads(text)
    except OSError as error:
        raise WrongSetting(f"wrong setting: {file}: it cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError) as error:  # also numbers and nesting beyond what is read
        raise WrongSetting(f"wrong setting: {file}: this is no TOML: {error}") from None
    lines = _lines(text)
    project = Project(file, hashlib.sha256(content).hexdigest(), sections, overrides, lines)
    for path, value in _leaves(sections, ()):
        if len(path) == 1:
            if _LIKE_A_KEY.search(path[0]):
                raise WrongSetting(project.unknown(path, "setting", ()))
            raise WrongSetting(f"wrong setting: {project.place(*path)}: {path[0]} stands in no section, such as [teacher]")
        _refuse_password(f"{project.place(*path)}: {'.'.join(path)}", value)
    # A project's data lie beside its file, from wherever a command is called.
    with_home = {**sections, "lake": {"home": HOME, **_section(sections, "lake", project.place("lake"))}}
    return Project(file, project.digest, with_home, overrides, lines)


def as_folder(text: str) -> Path:
    """A folder's name as its absolute path, from the current folder on. Raises ``ValueError`` in one line."""
    if not text.strip() or "\0" in text:
        raise ValueError("give the name of a folder")
    try:
        return Path(text).expanduser().resolve()
    except RuntimeError:
        raise ValueError("give a folder; there is no such user") from None


def home(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of lake, releases, cache and Dagster's own files, which is ``[lake] home``. Raises ``WrongSetting``."""
    project = read_project(environment)
    by_hand = project.set_by_hand("lake").get("home") or environment.get("OCR_HOME")
    chosen = str(by_hand or project.section("lake").get("home", HOME))
    try:
        folder = as_folder(chosen)
    except ValueError as error:
        raise WrongSetting(f"wrong setting: lake.home={chosen!r}: {error}") from None
    return folder if by_hand else (project.folder / Path(chosen).expanduser()).resolve()


def as_set(section: str, name: str, text: str) -> str:
    """A line of ``OCR_SET``; what the text means, the field says (``environment.py``)."""
    return ".".join(_quoted(part) for part in (*section.split("."), name)) + f" = {_quoted(text)}"


def _quoted(text: str) -> str:
    """A basic TOML string."""
    escaped = "".join(c if c >= " " and c not in '"\\\x7f' else f"\\u{ord(c):04x}" for c in text)
    return f'"{escaped}"'


def _refuse_password(name: str, value: Any) -> None:
    if isinstance(value, str) and has_password(value):
        raise WrongSetting(
            f"wrong setting: {name}={hidden(repr(value))}: a user name or password would be shown on pages and in logs; give it "
            "as an environment variable (docs/settings.md, Keys)"
        )


def _find(environment: Mapping[str, str]) -> Path | None:
    named = environment.get(VARIABLE, "").strip()
    file = Path(named or NAME).expanduser().absolute()
    if not named:
        return file if file.is_file() else None
    if file.is_dir():
        file /= NAME
    if not file.is_file():
        raise WrongSetting(f"wrong setting: {VARIABLE}={named}: no such file; `ocr-assets init` writes one")
    return file


def _overrides(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WrongSetting(f"wrong setting: {SET_VARIABLE} is no TOML: {error}") from None


def _section(sections: Mapping[str, Any], name: str, place: str) -> Mapping[str, Any]:
    found: Any = sections
    for part in name.split("."):
        found = found.get(part, _NOTHING)
        if not isinstance(found, Mapping):
            raise WrongSetting(f"wrong setting: {place}: {name} is a section: write [{name}]")
    return found  # type: ignore[no-any-return]


def _leaves(value: Any, path: tuple[str, ...]) -> Iterable[tuple[tuple[str, ...], Any]]:
    """Every value that is no table, with the names that lead to it; those in a list under the list's name."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list):
        yield path, None
        for inner in value:
            yield from ((path, leaf) for _, leaf in _leaves(inner, path))
    else:
        yield path, value


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """Where each section and field begins. Only for messages: a line inside a text of several lines may be taken for a field."""
    lines: dict[tuple[str, ...], int] = {}
    section: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            section = _names(header[1])
            lines.setdefault(section, number)
        elif named := _FIELD.match(line):
            lines.setdefault((*section, *_names(named[1])), number)
    return lines


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
