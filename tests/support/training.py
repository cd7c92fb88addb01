"""A home with a small release, mixes of it and a tiny base model without weights, for tests that train."""

import random
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from ocr_assets.exports.writer import SPLIT, write_release
from ocr_assets.platform.release_folders import ReleaseFolder
from ocr_assets.schema import SFT_DATASET
from ocr_assets.training.assets import finetuned_model, packed_sft, training_mix
from resources.settings import LakeResource, TrainingResource
from tests.support.tiny_model import make

RECIPE = """
recipe = "small"
[change]
epochs = 2
batch = 4
max_length = 1024
save_steps = 2
"""


def rows(count: int, **values: Any) -> list[dict[str, Any]]:
    """Rows of ``sft_dataset``: short questions about sums, answers of different lengths."""
    plain = {
        column.name: [] if pa.types.is_list(column.type) else None if column.nullable else 0 if pa.types.is_integer(column.type)
        else False if pa.types.is_boolean(column.type) else "x" for column in SFT_DATASET.columns
    }  # fmt: skip
    draw = random.Random(5)
    return [
        {
            **plain, "id": f"sft_{number:04d}", "problem_id": f"prob_{number // 3:04d}", "language": "python", "parse_status": "ok",
            "verdict": "accepted" if number % 2 else "wrong_answer", "dataset": "taco", "difficulty": ("EASY", "HARD")[number % 2],
            "input": f"Read n numbers and print their sum, {number} of them.",
            "output": "<think>\n" + "def solve(n): " * draw.randint(1, 12) + f"\n</think>\nreturn sum({number})",
            "response_id": f"resp_{number:04d}", "trusted": number % 4 < 2, **values,
        }
        for number in range(count)
    ]  # fmt: skip


def release(home: Path, found: list[dict[str, Any]], version: str = "v1", split: str = "train") -> None:
    """Release them as ``sft_dataset``, two row groups; the second half of them in this ``split``."""
    half = len(found) // 2
    parts = [(SFT_DATASET.batch(part), name) for part, name in ((found[:half], "train"), (found[half:], split)) if part]
    batches = [batch.append_column(SPLIT, pa.array([name] * batch.num_rows)) for batch, name in parts]
    folder = ReleaseFolder(home / "releases", "sft_dataset")
    number = len(folder.numbers) + 1
    write_release(folder.building(number), batches, SFT_DATASET.schema, {"version": version}, lambda manifest: "card")
    folder.put(number)


def write_mix(folder: Path, name: str, text: str = "[[from]]", recipe: str = RECIPE, top: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.toml").write_text(f'title = "{name}"\n{top}\n{recipe}\n{text}\n')


def tiny_base(folder: Path, *, weights: bool = True) -> Path:
    """The tiny model; without weights: only its shape and tokenizer."""
    make(folder, opens_think=False, hidden=64, layers=2)
    if not weights:
        (folder / "model.safetensors").unlink()
    return folder


def materialize(
    home: Path, base: Path | str, *assets: Any, mix: str = "all", run_config: Any = None, **settings: Any
) -> dict[str, Any]:
    """Materialize training's assets for one mix in this process; returns each asset's metadata by name.

    Mixes are those of ``<home>/mixes``, where one named as a bundled one stands in its place: which partitions there are was
    settled when the assets were imported.
    """
    training = TrainingResource(base_model=str(base), mixes=str(home / "mixes"), **settings)
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            list(assets or (training_mix, packed_sft, finetuned_model)),
            resources={"lake": LakeResource(home=str(home)), "training": training},
            partition_key=mix,
            run_config=run_config,
            instance=instance,
        )
    return {
        event.asset_key.to_user_string(): dict(event.step_materialization_data.materialization.metadata)  # type: ignore[union-attr]
        for event in result.get_asset_materialization_events()
    }
