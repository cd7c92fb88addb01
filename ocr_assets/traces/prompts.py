"""Prompts to the teacher, from template files that a user can replace. Wording is ours; pipeline.md describes the papers'.

A template gets ``question``, ``starter_code`` and ``entry``. Its hash goes into every response's key, so a changed template
asks anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from ocr_assets.records import Language
from resources.teacher.api import Message

NAMES = ("python_stdin", "python_call", "cpp_stdin")


@dataclass(frozen=True)
class Template:
    """A named template; ``hash`` identifies its text."""

    name: str
    text: str

    @cached_property
    def hash(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @cached_property
    def _compiled(self) -> jinja2.Template:
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=False)
        return environment.from_string(self.text)

    def messages(self, problem: Mapping[str, Any]) -> list[Message]:
        """An empty system turn and one user turn, for a row with ``statement``, ``starter_code`` and ``entry``."""
        text = self._compiled.render(question=problem["statement"], starter_code=problem["starter_code"], entry=problem["entry"])
        return [{"role": "system", "content": ""}, {"role": "user", "content": text.strip()}]


def load_templates(folder: Path | None = None) -> dict[str, Template]:
    """The templates by name; a file ``<name>.jinja`` in ``folder`` replaces ours."""
    templates = {}
    for name in NAMES:
        own = folder / f"{name}.jinja" if folder else None
        source = own if own is not None and own.is_file() else files(__package__).joinpath("templates", f"{name}.jinja")
        templates[name] = Template(name, source.read_text(encoding="utf-8"))
    return templates


def template_name(problem: Mapping[str, Any], language: Language) -> str | None:
    """Which template asks for this problem in this language; None: the pair is not asked (C++ for a Python function)."""
    if problem["entry"] is not None:
        return "python_call" if language == "python" else None
    return f"{language}_stdin"
