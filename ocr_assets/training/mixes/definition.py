"""What defines a training mix: which rows of which release, with what weight, in what seeded order, by which recipe.

A mix is a file ``<name>.toml``; the papers' experiments lie beside this module, a user's own in the folder ``OCR_MIXES``. How
rows are chosen is in ``training/selection.py``, what a recipe says in ``training/recipes/definition.py``.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ocr_assets.schema import Style
from ocr_assets.statistics.choosing import Conditions
from ocr_assets.training.recipes.definition import Recipe, faults, load_recipe

FOLDER = Path(__file__).parent


class _Base(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)


class Part(Conditions):
    """Rows of one release: all, or those that every condition holds for. Rows that an earlier part of the mix chose are left
    out, so a mix is nested in another one whose first parts are the same."""

    release: str = Field(
        "sft_dataset",
        description="a release's name (sft_dataset, kodcode_sft_r1, or one of ocr.toml); or a folder of Parquet files in "
        "OpenCodeReasoning's or KodCode's columns",
    )
    styles: tuple[Style, ...] = Field((), description="Only these styles (KodCode)")
    subsets: tuple[str, ...] = Field((), description="Only these subsets, as released (KodCode)")
    rows: int | None = Field(None, ge=1, description="At most so many rows; none: all")
    weight: float = Field(1.0, gt=0, description="Copies of each row; of a broken number the rest is drawn by the seed")


class TrainingMix(_Base):
    """A mix. ``name`` is the file's; equal seeds order rows equally, so smaller subsets lie in larger ones."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    base: Path | None = Field(None, description="Folder of a user's definition; none: bundled")
    title: str = Field(min_length=1, description="For people")
    experiments: tuple[str, ...] = Field((), description="Sets of mixes that are compared")
    parts: tuple[Part, ...] = Field(min_length=1, alias="from", description="Where rows come from, in order")
    as_many_as: tuple[str, ...] = Field((), description="No more rows than the smallest of these mixes has")
    seed: int = Field(0, ge=0, lt=2**32, description="Of the order of rows, of packing and of the training")
    recipe: str = Field("ocr", description="Name of the recipe")
    change: dict[str, Any] = Field({}, description="Single values of the recipe that are others here")
    shuffle_answers: bool = Field(False, description="Each question gets another one's answer: a control that must learn nothing")

    @model_validator(mode="after")
    def _is_no_measure_of_itself(self) -> TrainingMix:
        if self.name in self.as_many_as:
            raise ValueError("as_many_as: a mix is always as large as itself")
        return self

    @property
    def asked_rows(self) -> int | None:
        """Rows it asks for; None: all that there are."""
        rows = [part.rows for part in self.parts]
        return None if None in rows else sum(row for row in rows if row is not None)

    def recipe_of(self, own: Path | None = None) -> Recipe:
        """Its recipe, single values changed. Raises ``ValueError`` naming the mix and what to mend."""
        try:
            return load_recipe(self.recipe, self.base or own).changed(self.change)
        except ValidationError as error:
            raise ValueError(f"mix {self.name}: change: {faults(error)}") from None
        except ValueError as error:
            raise ValueError(f"mix {self.name}: {error}") from None


def load_mixes(own: Path | None = None) -> dict[str, TrainingMix]:
    """The bundled mixes by name, then those of the folder ``own``, which may replace some.

    Raises ``ValueError`` naming the file and what to mend.
    """
    paths = {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}
    if own:
        if not any(own.glob("*.toml")):
            raise ValueError(f"OCR_MIXES={own}: no <name>.toml there")
        paths |= {path.stem: path for path in sorted(own.glob("*.toml"))}
    mixes = {name: read_mix(path, bundled=path.parent == FOLDER) for name, path in paths.items()}
    for mix in mixes.values():
        if unknown := [name for name in mix.as_many_as if name not in mixes]:
            raise ValueError(f"{paths[mix.name]}: as_many_as: no mix {', '.join(unknown)}")
    return mixes


def read_mix(path: Path, *, bundled: bool = False) -> TrainingMix:
    """The mix that a file defines. Raises ``ValueError`` naming the file and what to mend."""
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
        if strange := {"name", "base", "parts"} & set(fields):
            raise ValueError(f"{', '.join(sorted(strange))}: the file itself says that; parts are called [[from]]")
        mix = TrainingMix(name=path.stem, base=None if bundled else path.parent.resolve(), **fields)
        mix.recipe_of()
        return mix
    except ValidationError as error:
        raise ValueError(f"{path}: {faults(error)}") from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from None


def experiments(mixes: dict[str, TrainingMix]) -> dict[str, list[str]]:
    """Each experiment with its mixes."""
    found: dict[str, list[str]] = {}
    for mix in mixes.values():
        for experiment in mix.experiments:
            found.setdefault(experiment, []).append(mix.name)
    return found


__all__ = ["Part", "TrainingMix", "experiments", "load_mixes", "read_mix"]
