"""What models are trained on and what comes of it: mixes, packed examples, fine-tuned models."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypedDict

from ocr_assets.schema.problems import Language
from ocr_assets.schema.verification import VerdictName
from resources.lake.tables import Table


class MixedRow(TypedDict):
    """A released row that a mix trains on. Its texts stay in the release."""

    example_id: Annotated[str, "Hash of mix, released row and copy"]
    mix: Annotated[str, "The mix"]
    part: Annotated[int, "Which of the mix's parts chose it, from 0"]
    release: Annotated[str, "The release that it stands in: its name, or that of a folder"]
    released_id: Annotated[str, "Its id there"]
    copy: Annotated[int, "From 0; a weight above 1 takes rows more than once"]
    position: Annotated[int, "Its place in the mix's seeded order, from 0"]
    problem_id: Annotated[str, "The problem or synthetic question"]
    language: Annotated[Language, "python or cpp"]
    verdict: Annotated[VerdictName | None, "As released"]
    difficulty: Annotated[str | None, "As released"]


class MixState(TypedDict):
    """What a mix was made of when it was last made."""

    mix: Annotated[str, "Its name"]
    title: Annotated[str, "For people"]
    experiments: Annotated[list[str], "Experiments that it belongs to"]
    recipe: Annotated[str, "Preset that models are trained on it by"]
    definition: Annotated[str, "JSON of the whole definition"]
    asked_rows: Annotated[int | None, "Rows it asks for; null: all there are"]
    rows: Annotated[int, "Rows it has"]
    data_version: Annotated[str, "Hash of its rows: equal rows in equal order, equal version"]
    inputs: Annotated[str, "Hash of its definition and of the releases as they were; equal: nothing is to be done"]


class PackedExample(TypedDict):
    """Where a row of a mix went: into a bin, or nowhere, with the reason."""

    example_id: Annotated[str, "The row"]
    mix: Annotated[str, "The mix"]
    bin_id: Annotated[str | None, "Hash of mix and of the examples in it; null: it is in none"]
    bin: Annotated[int | None, "Row of the packed Parquet files, from 0"]
    place: Annotated[int | None, "Which sequence of the bin, from 0"]
    tokens: Annotated[int, "Of prompt and answer"]
    loss_tokens: Annotated[int, "Of the answer, which the loss is taken on"]
    reason: Annotated[
        str | None, "Why it is in no bin: longer than the limit, no answer, a token of control in its text; null: it is in one"
    ]


class PackedMix(TypedDict):
    """The packed files of a mix, for one tokenizer and one limit."""

    mix: Annotated[str, "The mix"]
    folder: Annotated[str, "Where the Parquet files lie"]
    data_version: Annotated[str, "Hash of what was packed and how: equal bins, equal version"]
    base: Annotated[str, "Base model whose tokenizer counted"]
    max_length: Annotated[int, "Tokens a bin holds at most"]
    examples: Annotated[int, "Packed"]
    too_long: Annotated[int, "Left out for their length"]
    bins: Annotated[int, "Rows of the files"]
    tokens: Annotated[int, "In them"]
    loss_tokens: Annotated[int, "Of them those that the loss is taken on"]
    fill: Annotated[float, "tokens / (bins * max_length)"]
    inputs: Annotated[str, "Hash of what it was packed from: rows, tokenizer, limit; equal: nothing is to be done"]


class FinetunedModel(TypedDict):
    """A model that was trained to its end."""

    model_id: Annotated[str, "Hash of packed data, recipe and base model"]
    mix: Annotated[str, "The mix"]
    data_version: Annotated[str, "Hash of packed data, recipe and base model's content"]
    folder: Annotated[str, "Its checkpoint: weights, configuration, tokenizer"]
    base: Annotated[str, "Base model, as it was named"]
    base_version: Annotated[str, "Hash of its files, or its commit on the Hub"]
    recipe: Annotated[str, "JSON of every setting of the training"]
    packed_version: Annotated[str, "data_version of packed_mixes"]
    steps: Annotated[int, "Steps of the optimizer"]
    epochs: Annotated[float, "Passes over the data"]
    tokens: Annotated[int, "Tokens of one pass"]
    first_loss: Annotated[float | None, "First that was logged"]
    final_loss: Annotated[float | None, "Last that was logged"]
    resumed: Annotated[int, "How many times training was taken up again"]
    seconds: Annotated[float, "Of the process that ended it"]
    packages: Annotated[str, "JSON: versions of what trained it"]
    created_at: Annotated[datetime, "When it was whole (UTC)"]


class TrainingLoss(TypedDict):
    """A point of a loss curve."""

    model_id: Annotated[str, "The model"]
    step: Annotated[int, "Step of the optimizer"]
    epoch: Annotated[float, "Passes so far"]
    loss: Annotated[float, "Mean over the tokens since the last point, nats a token"]
    learning_rate: Annotated[float | None, "At that step"]
    grad_norm: Annotated[float | None, "Before clipping"]


TRAINING_MIX = Table(
    "training_mix",
    MixedRow,
    ("example_id",),
    "Which released rows each mix trains on.",
    partition="mix",
    fate=("'chosen'", "release"),
)
TRAINING_MIXES = Table("training_mixes", MixState, ("mix",), "The mixes, as they were last made.")
PACKED_SFT = Table(
    "packed_sft",
    PackedExample,
    ("example_id",),
    "Which bin each row of a mix is packed into, or why in none.",
    partition="mix",
    fate=("CASE WHEN bin_id IS NULL THEN 'left out' ELSE 'packed' END", "coalesce(reason, '')"),
)
PACKED_MIXES = Table("packed_mixes", PackedMix, ("mix",), "The packed files of each mix.")
FINETUNED_MODEL = Table("finetuned_model", FinetunedModel, ("model_id",), "Models that were trained on a mix.", partition="mix")
TRAINING_LOSS = Table("training_loss", TrainingLoss, ("model_id", "step"), "Their loss curves.")
