"""What synthetic questions are made from, definitions of subsets and their seeds, and when a solution and its tests count as
verified. What is done with it: ``ocr_assets/synthesis``."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from resources.settings.base import Settings
from resources.settings.sources import BUNDLED


class SynthesisResource(Settings):
    """Which subsets of questions there are beside the bundled twelve, where the bundled ones' seeds lie, how tests are tried."""

    section: ClassVar[str] = "synthesis"
    subsets: str = Field(
        "",
        description="Folder of your own definitions of subsets, <name>.toml; one named as a bundled one replaces it",
        json_schema_extra={"env": "OCR_SUBSETS", "path": True},
    )
    seeds: str = Field(
        BUNDLED,
        description="Folder in which the bundled subsets find their snippets and questions, or bundled",
        json_schema_extra={"env": "OCR_SEEDS", "path": True},
    )
    suite_cpu_s: float = Field(
        3.0,
        gt=0,
        description="CPU seconds of a whole suite of synthetic tests; Python gets three times that",
        json_schema_extra={"env": "OCR_SUITE_CPU_S"},
    )
    mutants: int = Field(
        8,
        ge=0,
        description="Mutants of a solution that its own tests are tried on",
        json_schema_extra={"env": "OCR_SUITE_MUTANTS"},
    )
    min_statement_coverage: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Least share of a solution's statements that its own tests execute; 0: only recorded",
        json_schema_extra={"env": "OCR_MIN_STATEMENT_COVERAGE"},
    )
    min_branch_coverage: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Least share of branches; 0: only recorded, 1: as KodCode's sequel asks for",
        json_schema_extra={"env": "OCR_MIN_BRANCH_COVERAGE"},
    )
    min_kill_rate: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Least share of wrong programs that tests notice; at 0 it must still be more than none",
        json_schema_extra={"env": "OCR_MIN_KILL_RATE"},
    )

    @property
    def folder(self) -> Path | None:
        """The folder of own definitions; None: there is none. Raises ``ValueError`` naming the setting."""
        return _folder("OCR_SUBSETS", self.subsets) if self.subsets.strip() else None

    def seed_folder(self, bundled: Path) -> Path:
        """Where the bundled subsets' seeds lie; ``bundled``: what that word means. Raises ``ValueError`` naming the setting."""
        return bundled if self.seeds.strip() == BUNDLED else _folder("OCR_SEEDS", self.seeds)


def _folder(variable: str, text: str) -> Path:
    folder = Path(text.strip()).expanduser()
    if not folder.is_dir():
        raise ValueError(f"{variable}={text}: no such folder; give one, or leave it out")
    return folder
