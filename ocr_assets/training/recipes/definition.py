"""What a recipe says: every value that decides what a training makes of its data, with the papers' recipes as presets.

A recipe is a file ``<name>.toml``, beside this module or in the folder ``OCR_MIXES`` under ``recipes/``; a mix may change single
values of it. What the values become in TRL's configuration is in ``training/trl_config.py``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

FOLDER = Path(__file__).parent


class Recipe(BaseModel):
    """How a model is trained. Defaults are set on purpose, not left to TRL, whose own change from version to version."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    title: str = Field(min_length=1, description="For people")
    epochs: float = Field(3, gt=0, description="Passes over the data")
    learning_rate: float = Field(5e-5, gt=0, description="Highest, after warm-up")
    scheduler: Literal["cosine", "linear", "constant", "constant_with_warmup"] = Field("cosine", description="Of the rate")
    warmup: float = Field(0.1, ge=0, description="Below 1: share of all steps; from 1 on: steps")
    weight_decay: float = Field(0.0, ge=0, description="Of AdamW")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to it")
    batch: int = Field(256, ge=1, description="Bins a step of the optimizer, over all devices")
    max_length: int = Field(32_768, ge=8, description="Tokens of a bin; longer rows are left out, never cut")
    packing: bool = Field(True, description="Several rows a bin; false: one row a bin")
    system: Literal[False] | str = Field(
        "", description="The system turn, passed explicitly: Qwen's template adds one of its own otherwise; false: none is passed"
    )
    bf16: bool = Field(True, description="Mixed precision with bfloat16")
    dtype: Literal["float32", "bfloat16"] = Field("float32", description="Of the weights that are trained")
    gradient_checkpointing: bool = Field(True, description="Less memory, a third more time")
    attention: str | None = Field(None, description="sdpa, flash_attention_2, eager; none: what transformers finds best")
    save_steps: int = Field(50, ge=1, description="Steps between checkpoints, which a killed training resumes from")
    threads: int | None = Field(None, ge=1, description="Threads of a training on CPUs; none: all cores")
    trl: dict[str, Any] = Field({}, description="Further fields of TRL's SFTConfig by name, such as optim")

    @model_validator(mode="after")
    def _what_we_set_is_not_set_again(self) -> Recipe:
        if taken := sorted(set(self.trl) & OURS):
            raise ValueError(f"trl: {', '.join(taken)} follow from the recipe's own values or from the data")
        return self

    def changed(self, values: Mapping[str, Any]) -> Recipe:
        """The recipe with single values replaced. Raises ``ValueError`` naming what is wrong."""
        return Recipe.model_validate({**self.model_dump(), **values})


# Fields of TRL's configuration that a recipe's own fields or the data decide.
OURS = frozenset(
    {
        "model_name_or_path", "output_dir", "datasets", "dataset_name", "dataset_kwargs", "packing", "padding_free", "max_length",
        "num_train_epochs", "learning_rate", "lr_scheduler_type", "warmup_steps", "warmup_ratio", "weight_decay", "max_grad_norm",
        "per_device_train_batch_size", "gradient_accumulation_steps", "bf16", "dtype", "gradient_checkpointing",
        "attn_implementation", "save_steps", "save_strategy", "save_only_model", "seed", "data_seed", "report_to", "eos_token",
        "push_to_hub", "hub_token", "resume_from_checkpoint",
    }
)  # fmt: skip


def load_recipe(name: str, own: Path | None = None) -> Recipe:
    """A recipe by name: the user's (``<own>/recipes/<name>.toml``) where there is one, else the preset.

    Raises ``ValueError`` naming the file, or the presets there are.
    """
    places = [folder / f"{name}.toml" for folder in ([own / "recipes"] if own else []) + [FOLDER]]
    for path in places:
        if path.is_file():
            return read_recipe(path)
    presets = ", ".join(sorted(path.stem for path in FOLDER.glob("*.toml")))
    raise ValueError(f"recipe {name}: no {places[0]}; presets are {presets}")


def read_recipe(path: Path) -> Recipe:
    """The recipe in a file. Raises ``ValueError`` naming the file and what to mend."""
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise ValueError(f"{path}: {faults(error)}") from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except ValueError as error:  # no TOML, or no text
        raise ValueError(f"{path}: {error}") from None


def faults(error: ValidationError) -> str:
    """What pydantic found, in one line."""
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'the definition'}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors()
    )
