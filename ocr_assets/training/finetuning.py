"""A model from a packed mix: what is to be trained, whether it was already, and what the lake is told of it.

The process that trains is ``process.py``'s, its configuration ``trl_config.py``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ocr_assets.schema import FINETUNED_MODEL, TRAINING_LOSS, content_id, json_text
from ocr_assets.training.base import NEEDS_EXTRA, Base, FileHashes
from ocr_assets.training.chat import ChatFormat
from ocr_assets.training.mixes.definition import TrainingMix
from ocr_assets.training.packing import Place, check_packed
from ocr_assets.training.process import Training, make_first_weights, train
from ocr_assets.training.recipes.definition import Recipe
from ocr_assets.training.trl_config import trl_config, written
from resources.lake import Lake, RunInfo

STAGE = "finetuned_model"
# Of a recipe, what does not change the model that comes of it.
NO_MATTER = {"title", "save_steps", "threads"}
_PACKAGES = ("trl", "transformers", "torch", "accelerate")


def finetune(
    store: Lake,
    run: RunInfo,
    mix: TrainingMix,
    recipe: Recipe,
    base: Base,
    place: Place,
    hashes: FileHashes,
    *,
    devices: int,
    launcher: str,
    start: bool,
    say: Callable[[str], None],
) -> bool:
    """Train the model of a mix, or go on with it; False: it was there, or only its recipe was to be written (not ``start``).

    Raises ``ValueError`` naming what is wrong, ``TrainingFailed``, ``TrainingRuns``.
    """
    packed = store.rows("SELECT * FROM packed_mixes WHERE mix = ?", [mix.name])
    if not packed:
        raise ValueError(f"mix {mix.name} was not packed yet; materialize packed_sft first")
    check_packed(packed[0], store, mix, recipe, base, hashes)
    if not packed[0]["bins"]:
        say(f"{STAGE} {mix.name}: no row is packed, so there is nothing to train on")
        return False
    settings = recipe.model_dump(mode="json", exclude=NO_MATTER)
    base_version = base.version(hashes)
    data_version = content_id("training", packed[0]["data_version"], settings, base_version, mix.seed).partition("_")[2]
    model_id = f"model_{data_version}"
    training = Training(place.models / mix.name / model_id)
    with training.locked() as lock:
        known = store.rows("SELECT * FROM finetuned_model WHERE model_id = ?", [model_id])
        if known and (training.model / "config.json").is_file():
            if known[0]["folder"] != str(training.model):  # the home was moved
                with store.write(run, STAGE, scope=mix.name) as write:
                    write.upsert(FINETUNED_MODEL, [{**known[0], "folder": str(training.model)}])
            return False
        if start and not training.is_done and find_spec("trl") is None:
            raise ValueError(NEEDS_EXTRA)
        _prepare(training, mix, recipe, base, Path(packed[0]["folder"]), devices)
        if not start and not training.is_done:
            say(f"{STAGE} {mix.name}: {training.config} is written; docs/training.md says how to start it on other machines")
            return False
        seconds = 0.0
        if not training.is_done:  # else it was trained elsewhere, or killed between the last step and the lake
            seconds = train(training, lock, launcher, recipe.threads, lambda line: say(f"{STAGE} {mix.name}: {line}"))
        state = training.state()
        losses = list(_losses(model_id, state))
        with store.write(run, STAGE, scope=mix.name) as write:
            write.upsert(TRAINING_LOSS, losses)
            write.upsert(
                FINETUNED_MODEL,
                [
                    {
                        "model_id": model_id,
                        "mix": mix.name,
                        "data_version": data_version,
                        "folder": str(training.model),
                        "base": base.name,
                        "base_version": base_version,
                        "recipe": json_text({"name": mix.recipe, "seed": mix.seed, **recipe.model_dump(mode="json")}),
                        "packed_version": packed[0]["data_version"],
                        "steps": state["global_step"],
                        "epochs": float(state["epoch"]),
                        "tokens": packed[0]["tokens"],
                        "first_loss": losses[0]["loss"] if losses else None,
                        "final_loss": losses[-1]["loss"] if losses else None,
                        "resumed": sum(start["from"] is not None for start in training.starts),
                        "seconds": seconds,
                        "packages": json_text({name: found for name in _PACKAGES if (found := _version(name))}),
                        "created_at": datetime.now(UTC),
                    }
                ],
            )
        training.tidy()
    return True


def _prepare(training: Training, mix: TrainingMix, recipe: Recipe, base: Base, packed: Path, devices: int) -> None:
    """The folder of a training, with its configuration and, for a base that has none, first weights."""
    path = base.path
    if not base.has_weights:
        first = training.folder / "first_weights"
        if not first.is_dir():
            make_first_weights(base.path, first, mix.seed)
        path = str(first)
    tokenizer = base.tokenizer()
    end = tokenizer.convert_ids_to_tokens(ChatFormat(tokenizer, recipe.system).end_of_turn)
    config = trl_config(
        recipe,
        model=path,
        revision=base.revision,
        packed=packed,
        output=training.model,
        seed=mix.seed,
        devices=devices,
        end_of_turn=None if end == tokenizer.eos_token else str(end),
    )
    about = f"Mix {mix.name}, recipe {mix.recipe}. Start it with: accelerate launch -m trl.scripts.sft --config {training.config}"
    building = training.config.with_suffix(".building")
    building.write_text(written(config, about), encoding="utf-8")
    building.rename(training.config)


def _losses(model_id: str, state: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for point in state["log_history"]:
        if "loss" in point:
            yield {
                "model_id": model_id,
                "step": point["step"],
                "epoch": float(point["epoch"]),
                "loss": float(point["loss"]),
                "learning_rate": point.get("learning_rate"),
                "grad_norm": point.get("grad_norm"),
            }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
