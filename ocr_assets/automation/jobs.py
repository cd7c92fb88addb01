"""The jobs: named parts of the graph that are run together, each with its reason. What the assets do is in the stage folders."""

from __future__ import annotations

from typing import Any

import dagster as dg

from ocr_assets.automation.follow_job import follow
from ocr_assets.automation.upkeep_job import upkeep

# Runs with this tag are one at a time (dagster.yaml): two at once would wait for each other at every stage that pays for
# something.
LANE = {"ocr/lane": "refresh"}

# By hand, or as a backfill over the sources: they change rarely, and reading them again costs a download at worst.
read_sources = dg.define_asset_job(
    "read_sources",
    selection=dg.AssetSelection.assets("raw_problems"),
    description="Reads the raw problems of one source (partition) or several.",
)

# By hand, or as a backfill over the subsets: how many more questions shall be asked for is a question of money.
ask_questions = dg.define_asset_job(
    "ask_questions",
    selection=dg.AssetSelection.assets("synthetic_questions"),
    description="Has the teacher make the questions of one subset (partition) or several that the lake lacks.",
)

# Choosing rows costs little, so all mixes are made in one run.
make_mixes = dg.define_asset_job(
    "make_mixes",
    selection=dg.AssetSelection.assets("training_mix"),
    description="Chooses the released rows of one training mix (partition) or several.",
)

# By hand: which models are worth their GPU hours is for a person to say.
train_models = dg.define_asset_job(
    "train_models",
    selection=dg.AssetSelection.assets("packed_sft", "finetuned_model"),
    description="Packs one training mix (partition) or several and trains the base model on each.",
)

TRAINING = dg.AssetSelection.assets("training_mix", "packed_sft", "finetuned_model")
EVALUATION = dg.AssetSelection.assets("evaluation_samples").downstream()
REMARKS = dg.AssetSelection.assets("reasoning_patterns", "critiques")  # what models say of responses

# Everything after reading is one run: each stage takes up what is new, so a run with nothing new costs seconds.
AFTER_READING = dg.AssetSelection.all() - dg.AssetSelection.assets("raw_problems", "synthetic_questions") - TRAINING
downstream = dg.define_asset_job(
    "downstream",
    selection=AFTER_READING,
    tags=LANE,
    description="From deduplication to release, over whatever raw problems and synthetic questions lie in the lake.",
)

# What schedules and sensors start: a source and what follows from it, in one run, so that nothing comes between.
refresh = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.assets("raw_problems") | AFTER_READING,
    tags=LANE,
    description="Reads one source (partition) again, and brings everything after it up to date, from deduplication to release.",
)

# Traces depend on verdicts here (attempts until one passes: docs/papers.md, KC-4). In the graph that would be a circle, so it is
# a job of its own: a run is one round, and the next round sees the verdicts of this one, as long as nobody follows it.
sample_until_passing = dg.define_asset_job(
    "sample_until_passing",
    selection=dg.AssetSelection.assets("r1_traces").downstream() - TRAINING - EVALUATION - REMARKS,
    config={"ops": {"r1_traces": {"config": {"until_passing": 1}}}},
    tags=LANE,
    description="One round of further samples for problems where too few passed (until_passing, max_samples, more_at_once), "
    "carried on to verdicts and release; with the job follow at work beside it, as many rounds as it takes. r1_traces reads "
    "solutions and verdicts here, and wherever until_passing is set. Run it again until it asks for nothing.",
)

JOBS: list[Any] = [
    read_sources,
    ask_questions,
    downstream,
    refresh,
    sample_until_passing,
    make_mixes,
    train_models,
    follow,
    upkeep,
]
