"""What defines a subset of synthetic questions: where its seeds come from, how a model is asked, what is kept.

A subset is a file ``<name>.toml``; the bundled twelve lie beside this module (docs/papers.md, KC-1), a user's own in the folder
``OCR_SUBSETS``. How seeds are read is in ``synthesis/seeds``, what is asked in ``synthesis/plan.py``, how answers are read in
``synthesis/reading.py``.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ocr_assets.generation.prompts import VARIABLES, PromptTemplate, checked, load_templates
from ocr_assets.schema import Dataset, Method, SeedKind, content_id
from resources.models.api import Sampling

FOLDER = Path(__file__).parent
Parser = Literal["first_line", "tagged", "tags"]
Quality = Literal["very poor", "poor", "average", "good", "excellent"]
Category = Literal["coding", "debugging", "explanation", "data analysis", "mathematics", "other"]
Form = Literal["function", "class", "online_judge", "other"]


@dataclass(frozen=True)
class Usual:
    """What a method asks by unless a definition says otherwise: seeds it may have, prompt, parser, texts that end an answer."""

    seeds: tuple[SeedKind, ...]
    template: str
    parser: Parser
    stop: tuple[str, ...] = ()


METHODS: dict[Method, Usual] = {
    "prefill": Usual((), "question_prefill", "first_line", ("\n",)),
    "seed_questions": Usual(("problem", "question"), "question_like_seeds", "tagged"),
    "snippets": Usual(("snippet",), "question_from_snippet", "tagged"),
    "documentation": Usual(("documentation",), "question_from_documentation", "tagged"),
    "filter": Usual(("question",), "question_tags", "tags"),
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Seeds(_Part):
    """What questions are made from, and how many of it in one prompt. Fields of another kind of seed must not be set."""

    kind: SeedKind | None = Field(None, description="problem, snippet, documentation or question; needed where a method has two")
    together: int = Field(1, ge=1, le=10, description="Seeds shown in one prompt")
    least_characters: int = Field(40, ge=0, description="Shorter seeds are left out")
    most_characters: int = Field(6_000, ge=1, description="Longer seeds are left out; pages of documentation are cut")
    datasets: tuple[Dataset, ...] = Field((), description="problem: only those read from one of these; none: all")
    sources: tuple[str, ...] = Field((), description="problem: only those of these platforms; none: all")
    call_based: bool | None = Field(None, description="problem: only those that ask for a function (true) or a program (false)")
    path: str = Field("", description="snippet, question: file or folder, from the definition's folder on")
    column: str | None = Field(None, description="question: the column that holds the text; default the usual names")
    packages: tuple[str, ...] = Field((), description="documentation: distributions; those not installed are passed over")
    modules: tuple[str, ...] = Field((), description="documentation: only these modules; none: all that are public")


_FIELDS_OF: dict[SeedKind, frozenset[str]] = {
    "problem": frozenset({"datasets", "sources", "call_based"}),
    "snippet": frozenset({"path"}),
    "documentation": frozenset({"packages", "modules"}),
    "question": frozenset({"path", "column"}),
}


class Ask(_Part):
    """How a model is asked."""

    template: str | None = Field(None, description="A bundled prompt's name, or a .jinja file beside the definition")
    samples: int = Field(1, ge=1, description="Questions asked for from each seed; prefill: in all")
    questions: int | None = Field(None, ge=0, description="Most questions asked for in all, over all runs; none: no bound")
    temperature: float = Field(1.0, ge=0, description="Sampling temperature")
    top_p: float = Field(0.95, gt=0, le=1, description="Nucleus sampling: probability mass that tokens are drawn from")
    max_tokens: int = Field(8_192, ge=1, description="Most completion tokens, reasoning included")
    stop: tuple[str, ...] | None = Field(None, description="Texts that end an answer; default the method's")


class Keep(_Part):
    """Which questions are kept. Another rule reads stored answers again and asks nothing."""

    least_characters: int = Field(20, ge=0, description="Shorter questions are filtered")
    most_characters: int = Field(8_000, ge=1, description="Longer questions are filtered")
    quality: tuple[Quality, ...] = Field(("good", "excellent"), description="filter: which qualities")
    category: tuple[Category, ...] = Field(("coding",), description="filter: which categories")
    form: tuple[Form, ...] = Field(("function", "class", "online_judge"), description="filter: which forms")


class Subset(_Part):
    """A subset. ``name`` is the file's, ``base`` the folder from which its paths go; ``title`` is what releases call it."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    base: Path | None = None
    title: str = Field(min_length=1, pattern=r"^\w+$")
    method: Method
    parser: Parser | None = None
    seeds: Seeds = Seeds.model_validate({})
    ask: Ask = Ask.model_validate({})
    keep: Keep = Keep.model_validate({})

    @model_validator(mode="after")
    def _seeds_fit_the_method(self) -> Subset:
        allowed = METHODS[self.method].seeds
        kind = self.seeds.kind
        if not allowed:
            if self.seeds.model_fields_set:
                raise ValueError(f"method {self.method} has no seeds")
            return self
        if (kind is None and len(allowed) > 1) or (kind is not None and kind not in allowed):
            raise ValueError(f"seeds: method {self.method} takes kind = {' or '.join(allowed)}")
        of_others = frozenset().union(*_FIELDS_OF.values()) - _FIELDS_OF[self.seed_kind]
        if strange := sorted(self.seeds.model_fields_set & of_others):
            raise ValueError(f"seeds: {', '.join(strange)} belong to another kind than {self.seed_kind}")
        if self.seed_kind in ("snippet", "question") and not self.seeds.path:
            raise ValueError(f"seeds: path is missing; say where the {self.seed_kind}s lie")
        if self.seed_kind == "documentation" and not self.seeds.packages:
            raise ValueError("seeds: packages is missing; name installed distributions")
        if (self.parser or METHODS[self.method].parser) == "tags" and self.method != "filter":
            raise ValueError("parser: tags belong to method filter")
        return self

    @property
    def seed_kind(self) -> SeedKind:
        """What it is made from; not for prefill."""
        return self.seeds.kind or METHODS[self.method].seeds[0]

    @property
    def reads_by(self) -> Parser:
        """The parser of its answers."""
        return self.parser or METHODS[self.method].parser

    @property
    def stop(self) -> tuple[str, ...]:
        """Texts that end an answer."""
        return METHODS[self.method].stop if self.ask.stop is None else self.ask.stop

    @property
    def sampling(self) -> Sampling:
        return Sampling(self.ask.temperature, self.ask.top_p, self.ask.max_tokens)

    def rule(self, parser_version: str) -> str:
        """What the reading of an answer depends on beside the answer."""
        return content_id("rule", parser_version, self.reads_by, self.keep.model_dump(mode="json"))

    def path(self, seed_folder: Path) -> Path:
        """Where its seeds lie: from its own folder on, or from the bundled subsets' ``seed_folder``."""
        return (self.base or seed_folder) / Path(self.seeds.path).expanduser()

    def template(self) -> PromptTemplate:
        """Its prompt. Raises ``ValueError`` where there is none of that name, or it uses other names than it is given."""
        usual = METHODS[self.method].template
        name = self.ask.template or usual
        if not name.endswith(".jinja"):
            if name not in VARIABLES or VARIABLES[name] != VARIABLES[usual]:
                like = ", ".join(known for known in VARIABLES if VARIABLES[known] == VARIABLES[usual])
                raise ValueError(f"subset {self.name}: template {name}: give a .jinja file or one of {like}")
            return load_templates([name])[name]
        file = (self.base or FOLDER) / Path(name).expanduser()
        if not file.is_file():
            raise ValueError(f"subset {self.name}: template {file}: no such file")
        return checked(PromptTemplate(file.stem, file.read_text(encoding="utf-8"), str(file)), VARIABLES[usual])


def load_subsets(own: Path | None = None) -> dict[str, Subset]:
    """The bundled subsets by name, in the order of KodCode's table, then those of the folder ``own``, which may replace some.

    Raises ``ValueError`` naming the file and what to mend.
    """
    subsets = {name: read_subset(FOLDER / f"{name}.toml", bundled=True) for name in BUNDLED}
    for path in sorted(own.glob("*.toml")) if own else ():
        subsets[path.stem] = read_subset(path)
    if own and not any(own.glob("*.toml")):
        raise ValueError(f"OCR_SUBSETS={own}: no <name>.toml there")
    return subsets


def read_subset(path: Path, *, bundled: bool = False) -> Subset:
    """The subset that a file defines. Raises ``ValueError`` naming the file and what to mend."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
        if strange := {"name", "base"} & set(fields):
            raise ValueError(f"{', '.join(sorted(strange))}: the file itself says that")
        subset = Subset(name=path.stem, base=None if bundled else path.parent.resolve(), **fields)
        subset.template()
        return subset
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'the definition'}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        ]
        raise ValueError(f"{path}: {'; '.join(faults)}") from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from None


BUNDLED = (
    "prefill", "leetcode", "codeforces", "apps", "taco", "code_contests", "algorithm", "data_structure", "docs", "filter",
    "package", "evol",
)  # fmt: skip
