"""Prompts to models, as template files that a user can replace. Wording is ours; docs/papers.md describes the papers'.

A template's hash goes into the key of every answer it brought, so a changed template asks anew. Which template a stage uses
is the stage's matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import jinja2

from ocr_assets.schema import Prompt, json_text
from resources.models.api import Message

# What each template is given; a replacement may use any of these names and no others.
VARIABLES: Mapping[str, tuple[str, ...]] = {
    # A solution with its reasoning (docs/papers.md, OCR-4 and KC-8).
    "python_stdin": ("question", "starter_code", "entry"),
    "python_call": ("question", "starter_code", "entry"),
    "cpp_stdin": ("question", "starter_code", "entry"),
    "cpp_call": ("question", "starter_code", "entry"),
    # Whether two problems are one (docs/papers.md, OCR-3).
    "judge": ("first", "second"),
    # A new question (docs/papers.md, KC-1): the beginning of a user's turn, to be continued; in the manner of others; from a
    # piece of code; from a page of documentation; an existing one tagged.
    "question_prefill": (),
    "question_like_seeds": ("seed",),
    "question_from_snippet": ("seed",),
    "question_from_documentation": ("seed",),
    "question_tags": ("seed",),
    # A solution with tests of its own (docs/papers.md, KC-3), its other styles (KC-6), and answers to them (KC-8).
    "kodcode_attempt": ("question",),
    "kodcode_complete": ("question", "solution", "tests"),
    "kodcode_online_judge": ("question", "solution", "tests"),
    "kodcode_response": ("question", "declarations"),
    # Which patterns a reasoning is made of, and what the first answer left out (docs/papers.md, OCR-10).
    "reasoning_initial": ("reasoning",),
    "reasoning_final": ("reasoning", "parts"),
    # Whether a solution is right (docs/papers.md, OCR-11).
    "critique": ("question", "solution", "language"),
}


@dataclass(frozen=True)
class PromptTemplate:
    """A named template; ``hash`` identifies its text, ``origin`` says where it came from."""

    name: str
    text: str
    origin: str = "built in"

    @cached_property
    def hash(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @cached_property
    def _compiled(self) -> jinja2.Template:
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=False)
        return environment.from_string(self.text)

    def messages(self, **values: object) -> list[Message]:
        """An empty system turn and one user turn. Raises ``ValueError`` naming the template and what it lacks."""
        try:
            text = self._compiled.render(values)
        except jinja2.TemplateError as error:
            raise ValueError(f"prompt {self.name} ({self.origin}): {error}") from error
        return [{"role": "system", "content": ""}, {"role": "user", "content": text.strip()}]


def prompt_hash(messages: Sequence[Message]) -> str:
    """The hash under which a rendered prompt is stored and by which answers refer to it."""
    return hashlib.sha256(json_text(messages).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def prompt_row(template: PromptTemplate, messages: Sequence[Message]) -> Prompt:
    """The row of the table ``prompts`` for a rendered prompt."""
    return {
        "prompt_hash": prompt_hash(messages),
        "template": template.name,
        "template_hash": template.hash,
        "messages": json_text(messages),
    }


def load_templates(names: Sequence[str], folder: Path | None = None) -> dict[str, PromptTemplate]:
    """The templates by name; a file ``<name>.jinja`` in ``folder`` replaces ours.

    Raises ``ValueError`` for a folder that does not exist or replaces nothing, and for a template that cannot be read.
    """
    if folder is not None:
        own = {path.stem for path in folder.glob("*.jinja")}
        if not own & set(VARIABLES):
            raise ValueError(f"prompts in {folder}: no file there is one of {', '.join(f'{name}.jinja' for name in VARIABLES)}")
        if own - set(VARIABLES):
            raise ValueError(f"prompts in {folder}: {', '.join(sorted(own - set(VARIABLES)))} replace nothing; mend the names")
    templates = {}
    for name in names:
        replacement = folder / f"{name}.jinja" if folder else None
        if replacement is not None and replacement.is_file():
            template = PromptTemplate(name, replacement.read_text(encoding="utf-8"), str(replacement))
        else:
            template = PromptTemplate(name, files(__package__).joinpath("templates", f"{name}.jinja").read_text(encoding="utf-8"))
        templates[name] = checked(template, VARIABLES[name])
    return templates


def template_hashes(names: Sequence[str], folder: str | None = None) -> dict[str, str]:
    """The hashes of templates by name, for the code version of what they bring; ``folder`` as in ``load_templates``. A folder
    that cannot be used has none here: whoever asks with it is told why."""
    try:
        return {name: template.hash for name, template in load_templates(names, Path(folder) if folder else None).items()}
    except ValueError:
        return {}


def checked(template: PromptTemplate, variables: Sequence[str]) -> PromptTemplate:
    """The template itself, if it can be rendered with these variables. Raises ``ValueError`` naming what is wrong."""
    try:
        template.messages(**dict.fromkeys(variables, ""))
    except ValueError as error:
        raise ValueError(f"{error}; a template may use {', '.join(variables) or 'no variable'}") from error
    return template


__all__ = ["VARIABLES", "PromptTemplate", "checked", "load_templates", "prompt_hash", "prompt_row", "template_hashes"]
