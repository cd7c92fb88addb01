"""A recipe as TRL's configuration: the YAML that ``trl sft`` and ``accelerate launch -m trl.scripts.sft`` read.

Nothing is left to TRL's defaults that decides what a model learns. No key or token stands in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ocr_assets.training.recipes.definition import Recipe


def trl_config(recipe: Recipe, *, model: str, revision: str | None, packed: Path, output: Path, seed: int, devices: int,
               end_of_turn: str | None) -> dict[str, Any]:  # fmt: skip
    """The configuration of a training.

    Args:
        recipe: how is trained.
        model: path or name of the model to begin with; ``revision``: of a name on the Hub.
        packed: folder of the packed Parquet files.
        output: folder of checkpoints and of the model.
        seed: of the order in which bins come.
        devices: that share a step's batch; a device takes one bin at a time (attention grows with the square of what is taken
            at once), and as many behind each other as are needed.
        end_of_turn: the token that ends an answer, where the tokenizer's ``eos_token`` is another one.

    Raises ``ValueError`` where the batch cannot be shared equally.
    """
    if recipe.batch % devices:
        raise ValueError(f"a batch of {recipe.batch} cannot be shared by OCR_TRAIN_DEVICES={devices}; give a divisor of it")
    config: dict[str, Any] = {
        "model_name_or_path": model,
        "model_revision": revision,
        "dtype": recipe.dtype,
        "attn_implementation": recipe.attention,
        "output_dir": str(output),
        "datasets": [{"path": "parquet", "data_files": str(packed / "*.parquet"), "split": "train"}],
        # The files are tokenized, packed and labelled: nothing is to be done to them, above all nothing to be cut.
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "packing": False,
        "padding_free": True,
        "max_length": None,
        "eos_token": end_of_turn,
        "num_train_epochs": recipe.epochs,
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": recipe.batch // devices,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": recipe.scheduler,
        "warmup_steps": recipe.warmup,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "bf16": recipe.bf16,
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "seed": seed,
        "data_seed": seed,
        "save_strategy": "steps",
        "save_steps": recipe.save_steps,
        "save_total_limit": 2,
        "logging_strategy": "steps",
        "logging_steps": 1,
        "disable_tqdm": True,
        "report_to": "none",
        **recipe.trl,
    }
    return {name: value for name, value in config.items() if value is not None or name == "max_length"}


def written(config: dict[str, Any], about: str) -> str:
    """The configuration as YAML, with a line on what it is."""
    return f"# {about}\n{yaml.safe_dump(config, sort_keys=False, allow_unicode=True)}"
