"""The assets of training: ``training_mix``, ``packed_sft`` and ``finetuned_model``, a partition a mix."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field

from ocr_assets.platform import plots, publish
from ocr_assets.platform.assets import Results, lake_asset
from ocr_assets.platform.publish import picture, run_info, table_of
from ocr_assets.platform.releases import ANSWERS, named_releases
from ocr_assets.schema import FINETUNED_MODEL, PACKED_SFT, TRAINING_MIX
from ocr_assets.training import finetuning, mixing, packing, report
from ocr_assets.training.base import FileHashes, find_base
from ocr_assets.training.mixes.definition import TrainingMix, load_mixes
from ocr_assets.training.packing import Place
from ocr_assets.training.process import TrainingFailed, TrainingRuns
from resources.lake import Lake, Write
from resources.settings import LakeResource, TrainingResource, WrongSetting, from_environment, read_project

TRAINING = from_environment(TrainingResource)
try:
    _KNOWN = load_mixes(TRAINING.folder)
    _RECIPES = {name: mix.recipe_of(TRAINING.folder) for name, mix in _KNOWN.items()}
except WrongSetting:
    raise
except ValueError as error:
    raise WrongSetting(f"wrong setting: {error}") from None
MIXES = dg.StaticPartitionsDefinition(list(_KNOWN))
_BY_RECIPE = {
    "base model": TRAINING.base_model,
    "recipes": {name: recipe.model_dump(mode="json", exclude={"base"}) for name, recipe in _RECIPES.items()},
}

# That the sources are named, with their mapping, is what "Materialize all" finds the mixes by: see synthetic_questions.
ALL_SOURCES = dg.AssetDep("raw_problems", partition_mapping=dg.AllPartitionMapping())
NO_BASE = "no base model is set (OCR_BASE_MODEL), so nothing is packed or trained"


@lake_asset(
    TRAINING_MIX,
    deps=[ALL_SOURCES, *(name for name, profile in named_releases(read_project()).items() if profile in ANSWERS)],
    partitions_def=MIXES,
    backfill_policy=dg.BackfillPolicy.single_run(),
    reads=["releases"],
    decided_by=lambda: {"mixes": {name: mix.model_dump(mode="json", exclude={"base"}) for name, mix in _KNOWN.items()}},
)
def training_mix(context: dg.AssetExecutionContext, lake: LakeResource, training: TrainingResource) -> Results:
    """Which released rows each mix trains on, in which seeded order: scale subsets that lie in each other, filters by verdict,
    language and difficulty, weights. Mixes are definitions (``ocr_assets/training/mixes``); the papers' experiments are sets of
    them."""

    def make(store: Lake, write: Write) -> Mapping[str, Any]:
        mixes = load_mixes(training.folder)
        made = {name: mixing.make(store, run_info(context), mixes[name], mixes, lake.releases) for name in context.partition_keys}
        for name, result in made.items():
            if result.missing:
                context.log.info(f"training_mix {name}: not released yet: {', '.join(sorted(set(result.missing)))}")
        return {
            "rows of mixes": {name: result.rows for name, result in made.items()},
            "made anew": [name for name, result in made.items() if result.is_new],
        }

    def tables(store: Lake) -> Mapping[str, Any]:
        return {"mixes": table_of(store, report.MIXES), "by verdict": table_of(store, report.BY_VERDICT)}

    yield from publish.append(context, lake, TRAINING_MIX, make, after=tables)


@lake_asset(
    PACKED_SFT,
    deps=[training_mix],
    kinds={"duckdb", "parquet"},
    partitions_def=MIXES,
    backfill_policy=dg.BackfillPolicy.single_run(),
    reads=["releases"],
    writes=["training/packed"],
    decided_by=_BY_RECIPE,
)
def packed_sft(context: dg.AssetExecutionContext, lake: LakeResource, training: TrainingResource) -> Results:
    """The rows of each mix as tokens of the base model, best fitted into bins, in ``$OCR_HOME/training/packed``: Parquet files
    that TRL reads as they are. Nothing is cut: a row longer than a bin is left out, with the reason. Without a base
    model nothing is done."""

    def pack(store: Lake, write: Write) -> Mapping[str, Any]:
        if not training.base_model.strip():
            return _skipped(context)
        base, hashes = find_base(training.base_model), _hashes(lake)
        packed = [
            mix.name
            for mix in _mixes(context, training)
            if packing.pack_mix(
                store, run_info(context), mix, mix.recipe_of(training.folder), base, _place(lake), hashes, context.log.info
            )
        ]
        return {"base model": base.name, "packed anew": packed}

    def tables(store: Lake) -> Mapping[str, Any]:
        shown: dict[str, Any] = {"packed": table_of(store, report.PACKED), "left out": table_of(store, report.LEFT_OUT)}
        if lengths := [row["tokens"] for row in store.rows(report.LENGTHS)]:
            shown["lengths"] = picture(plots.histogram(lengths, "Tokens of a row", "tokens"), "lengths")
        return shown

    yield from _told(publish.append(context, lake, PACKED_SFT, pack, after=tables))


class FinetuneSettings(BaseModel):
    """How a training is started."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: bool = Field(True, description="False: write recipe.yaml only, to start it on other machines; then materialize again")


class FinetuneConfig(FinetuneSettings, dg.Config):
    """``FinetuneSettings`` as Dagster takes them."""


@lake_asset(
    FINETUNED_MODEL,
    deps=[packed_sft],
    kinds={"duckdb", "pytorch", "huggingface"},
    partitions_def=MIXES,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pays="gpu",
    reads=["training/packed"],
    writes=["training/models"],
    decided_by=_BY_RECIPE,
)
def finetuned_model(
    context: dg.AssetExecutionContext, config: FinetuneConfig, lake: LakeResource, training: TrainingResource
) -> Results:
    """The base model trained on each mix by its recipe, in ``$OCR_HOME/training/models``: TRL in a process of its own,
    which takes up again by itself what was interrupted. Equal data, recipe and base are trained once. Without a base
    model nothing is done."""

    def finetune(store: Lake, write: Write) -> Mapping[str, Any]:
        if not training.base_model.strip():
            return _skipped(context)
        base, hashes = find_base(training.base_model), _hashes(lake)
        trained = [
            mix.name
            for mix in _mixes(context, training)
            if finetuning.finetune(
                store, run_info(context), mix, mix.recipe_of(training.folder), base, _place(lake), hashes,
                devices=training.devices, launcher=training.launcher, start=config.start, say=context.log.info,
            )
        ]  # fmt: skip
        return {"base model": base.name, "trained now": trained}

    def curves(store: Lake) -> Mapping[str, Any]:
        shown: dict[str, Any] = {"models": table_of(store, report.MODELS)}
        if points := store.rows(report.CURVES.format(mixes=", ".join(f"'{name}'" for name in context.partition_keys))):
            shown["loss"] = picture(plots.lines(points, "mix", "step", "loss", "Training loss", "nats a token"), "loss")
        return shown

    yield from _told(publish.append(context, lake, FINETUNED_MODEL, finetune, after=curves))


def _skipped(context: dg.AssetExecutionContext) -> Mapping[str, Any]:
    """Nothing is done, and that counts as done: "Materialize all" goes on to what follows, with the models that there are."""
    context.log.info(f"{context.asset_key.path[-1]}: {NO_BASE}")
    return {"skipped": NO_BASE}


def _mixes(context: dg.AssetExecutionContext, training: TrainingResource) -> list[TrainingMix]:
    known = load_mixes(training.folder)
    return [known[name] for name in context.partition_keys]


def _place(lake: LakeResource) -> Place:
    return Place(lake.root / "training", lake.releases)


def _hashes(lake: LakeResource) -> FileHashes:
    return FileHashes(lake.cache / "file_hashes.json")


def _told(results: Results) -> Results:
    """The results; what a person has to mend is told in a line, without frames of ours, and is not tried again."""
    try:
        yield from results
    except (ValueError, TrainingFailed, TrainingRuns) as error:
        raise dg.Failure(str(error), allow_retries=False) from None
