"""A packed mix for NeMo-RL: what its ResponseDataset reads (JSON lines of ``input`` and ``output``) and the recipe beside it.

Prompts are rendered here and NeMo-RL's own template is switched off, so that a model sees the same text on both routes: the
empty system turn, the whole reasoning, the end of the turn. NeMo-RL packs by itself; rows that are longer than the limit are left
out here, as they are for TRL. Its format: https://docs.nvidia.com/nemo/rl/latest/guides/sft.html. It is not run here.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from ocr_assets.training.base import Base, FileHashes
from ocr_assets.training.chat import ChatFormat
from ocr_assets.training.mixes.definition import TrainingMix
from ocr_assets.training.packing import NUMBERS, check_packed, texts_of
from ocr_assets.training.recipes.definition import Recipe
from resources.lake import Lake

_KEPT = f"""
SELECT n.row, count(*) AS copies FROM packed_sft p JOIN training_mix x USING (example_id)
JOIN ({NUMBERS}) n USING (release, released_id) WHERE p.mix = $mix AND p.bin IS NOT NULL GROUP BY n.row"""
BATCH = 256


def export(store: Lake, mix: TrainingMix, recipe: Recipe, base: Base, hashes: FileHashes, releases: Path, folder: Path) -> int:
    """Write ``train.jsonl`` and ``<mix>.yaml`` into ``folder``; returns the rows written.

    Raises ``ValueError`` where the mix is not packed for this base model as it is, or its answers are shuffled, which only we do.
    """
    packed = store.rows("SELECT * FROM packed_mixes WHERE mix = ?", [mix.name])
    if not packed or not packed[0]["examples"]:
        raise ValueError(f"mix {mix.name} is not packed, or holds nothing; materialize packed_sft first")
    check_packed(packed[0], store, mix, recipe, base, hashes)
    if mix.shuffle_answers:
        raise ValueError(f"mix {mix.name} shuffles its answers, which cannot be exported")
    tokenizer = base.tokenizer()
    chat = ChatFormat(tokenizer, recipe.system)
    end = tokenizer.convert_ids_to_tokens(chat.end_of_turn)
    copies = Counter({row["row"]: row["copies"] for row in store.rows(_KEPT, {"mix": mix.name})})
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    building = folder / ".train.jsonl.building"
    with building.open("w", encoding="utf-8") as out:
        for _, files, read in texts_of(store, mix, releases):
            for file in files:
                rows = iter(read(file))
                while batch := list(islice(rows, BATCH)):
                    prompts, answers = chat.texts([text.turns for text in batch], [text.answer for text in batch])
                    for text, prompt, answer in zip(batch, prompts, answers, strict=True):
                        line = json.dumps({"input": prompt, "output": answer + end}, ensure_ascii=False) + "\n"
                        written += copies[text.row]
                        out.write(line * copies[text.row])
    if written != packed[0]["examples"]:
        raise ValueError(f"{written:,} of the {packed[0]['examples']:,} rows of mix {mix.name} are released still; pack it anew")
    building.rename(folder / "train.jsonl")
    about = f"# Mix {mix.name}, recipe {mix.recipe}, for NeMo-RL. Put it into its examples/configs, then:\n"
    about += (
        f"# uv run examples/run_sft.py --config examples/configs/{mix.name}.yaml cluster.num_nodes=4 cluster.gpus_per_node=8\n"
    )
    config = nemo_config(recipe, base, folder.resolve(), mix.seed, written, packed[0]["bins"])
    (folder / f"{mix.name}.yaml").write_text(about + yaml.safe_dump(config, sort_keys=False))
    return written


def nemo_config(recipe: Recipe, base: Base, folder: Path, seed: int, rows: int, bins: int) -> dict[str, Any]:
    """The recipe in NeMo-RL's words, on top of its ``sft.yaml``.

    A batch there counts rows, here bins: as many rows are taken as the recipe's bins hold on average, so that a step sees as
    many tokens.
    """
    batch = max(1, round(recipe.batch * rows / bins))
    if batch > 64:
        batch -= batch % 64  # so that many devices can share it
    epochs = math.ceil(recipe.epochs)
    steps = max(1, math.floor(max(1, rows // batch) * recipe.epochs))
    warmup = min(steps - 1, int(recipe.warmup) if recipe.warmup >= 1 else math.ceil(steps * recipe.warmup))
    return {
        "defaults": "sft.yaml",
        "sft": {
            "max_num_epochs": epochs, "max_num_steps": steps, "val_period": 0, "val_at_start": False, "seed": seed,
        },
        "checkpointing": {
            "checkpoint_dir": str(folder / "checkpoints"), "metric_name": None, "save_period": recipe.save_steps,
        },
        "policy": {
            "model_name": base.path,
            "tokenizer": {"name": base.path, "chat_template": None},  # the prompts are rendered
            "train_global_batch_size": batch,
            "train_micro_batch_size": 1,
            "max_total_sequence_length": recipe.max_length,
            "precision": "bfloat16" if recipe.bf16 else "float32",
            "dtensor_cfg": {"activation_checkpointing": recipe.gradient_checkpointing},
            "sequence_packing": {"enabled": recipe.packing},
            "max_grad_norm": recipe.max_grad_norm,
            "optimizer": {
                "name": "torch.optim.AdamW",
                "kwargs": {
                    "lr": recipe.learning_rate, "weight_decay": recipe.weight_decay, "betas": [0.9, 0.999], "eps": 1e-8,
                },
            },
            "scheduler": _scheduler(recipe, steps, warmup),
        },
        "data": {
            "max_input_seq_length": recipe.max_length,
            "add_bos": False,
            "add_eos": False,  # the end of the turn stands in the text
            "add_generation_prompt": False,
            "shuffle": True,
            "train": {
                "dataset_name": "ResponseDataset", "data_path": str(folder / "train.jsonl"),
                "input_key": "input", "output_key": "output",
            },
            "validation": None,
        },
        "logger": {"wandb_enabled": False, "log_dir": str(folder / "logs")},
    }  # fmt: skip


def _scheduler(recipe: Recipe, steps: int, warmup: int) -> list[dict[str, Any]]:
    """Warm-up, then the recipe's schedule, as torch's schedulers one after the other."""
    rising = {
        "name": "torch.optim.lr_scheduler.LinearLR",
        "kwargs": {"start_factor": 1e-8, "end_factor": 1.0, "total_iters": warmup},
    }
    rest = steps - warmup
    after: dict[str, Any] = {
        "cosine": {"name": "torch.optim.lr_scheduler.CosineAnnealingLR", "kwargs": {"T_max": rest, "eta_min": 0.0}},
        "linear": {
            "name": "torch.optim.lr_scheduler.LinearLR",
            "kwargs": {"start_factor": 1.0, "end_factor": 0.0, "total_iters": rest},
        },
    }.get(recipe.scheduler, {"name": "torch.optim.lr_scheduler.ConstantLR", "kwargs": {"factor": 1.0, "total_iters": 1}})
    return [rising, after, {"milestones": [warmup]}] if warmup else [after]
