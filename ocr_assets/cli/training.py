"""``ocr-assets nemo-rl``: a packed mix in the files that NeMo-RL trains from."""

from __future__ import annotations

from pathlib import Path

import click

from ocr_assets.cli import Refused
from ocr_assets.cli.project import existing_lake, resources


@click.command("nemo-rl")
@click.argument("mix")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def nemo_rl(mix: str, folder: Path) -> None:
    """Write a packed training mix as files for NeMo-RL.

    FOLDER gets train.jsonl (input, output) and MIX.yaml, the recipe on top of NeMo-RL's sft.yaml (docs/training.md). The base
    model is OCR_BASE_MODEL, whose chat template renders the prompts.
    """
    from ocr_assets.training.base import FileHashes, find_base
    from ocr_assets.training.mixes.definition import load_mixes
    from ocr_assets.training.nemo_rl import export

    given = resources()
    training, lake = given["training"], given["lake"]
    try:
        mixes = load_mixes(training.folder)
        if mix not in mixes:
            raise Refused(f"no mix {mix}; there are {', '.join(mixes)}")
        if not training.base_model.strip():
            raise Refused("OCR_BASE_MODEL is not set; its chat template renders the prompts")
        with existing_lake() as store:
            base, recipe = find_base(training.base_model), mixes[mix].recipe_of(training.folder)
            rows = export(store, mixes[mix], recipe, base, FileHashes(lake.cache / "file_hashes.json"), lake.releases, folder)
    except ValueError as error:
        raise Refused(str(error)) from error
    click.echo(f"{rows:,} rows in {folder / 'train.jsonl'}; the recipe: {folder / f'{mix}.yaml'}", err=True)
