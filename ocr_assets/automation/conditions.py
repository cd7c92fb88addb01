"""The named conditions under which an asset is refreshed by itself, each with its reason.

Edges, not states. "An input is newer than I am" stays true while a run fails, is queued or finds nothing, and a condition on it
starts that run again and again. "An input's data version changed" is true once. Versions are hashes of rows, so a run that wrote
what was there before starts nothing after it.

Latched. An edge lasts one tick, and on that tick another input may still be in progress. ``since_last_handled`` keeps it until
the asset was requested or refreshed.

A failed run would lose its edge, for it was requested. So what failed is tried again, once an hour: a fault of the moment (engine
down, disk full) heals by itself, and one that stays costs twenty-four short runs a day, not one a tick.

Which assets have which condition is in ``policies.py``. What runs without any input's change is in ``schedules.py`` and
``sensors.py``.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

Condition = dg.AutomationCondition[Any]

_RETRIES = "0 * * * *"

# How many questions to ask for, what to train and which models to evaluate are a person's decisions, whatever they cost: rows
# under an experiment shall not change while it goes on.
BY_HAND = {"synthetic_questions", "training_mix", "packed_sft", "finetuned_model", "evaluation_samples"}

# What asks for a refresh: data or settings are others than before, the asset was never made, or its last run failed a while ago.
_WANTED: Condition = (
    dg.AutomationCondition.any_deps_match(dg.AutomationCondition.data_version_changed()).with_label("an input changed")
    | dg.AutomationCondition.code_version_changed()
    # "Missing" is a state, which a failing run leaves as it is: then the hour decides.
    | (dg.AutomationCondition.missing() & ~dg.AutomationCondition.execution_failed()).with_label("never made")
    | (dg.AutomationCondition.execution_failed() & dg.AutomationCondition.cron_tick_passed(_RETRIES)).with_label(
        "failed, an hour on"
    )
)

# Nothing that it reads is missing or just being made, and it is not being made itself. All partitions of the raw problems count,
# so sources that are switched off have theirs too: without rows.
_READY: Condition = (
    ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
)

# For all that is worked out from what lies in the lake: each stage finds what it lacks by content hashes, so that following early
# is never wrong, only repeated when more comes.
WHEN_INPUTS_CHANGE: Condition = (_WANTED.since_last_handled() & _READY).with_label("when inputs change")

# An input that has not caught up with its own: it will be made anew before long, or waits for a person, since it costs something.
_BEHIND: Condition = (
    dg.AutomationCondition.any_deps_match(dg.AutomationCondition.data_version_changed())
    | dg.AutomationCondition.code_version_changed()
).since(dg.AutomationCondition.newly_updated() | dg.AutomationCondition.initial_evaluation())

# For what people take away, releases, and for what says which problems are clean: no version of them is made from inputs of which
# one half is refreshed. Where judges or the teacher are asked only by a schedule or a person, these wait for that.
WHEN_ALL_INPUTS_CAUGHT_UP: Condition = (
    WHEN_INPUTS_CHANGE
    & ~dg.AutomationCondition.any_deps_match(_BEHIND & ~dg.AutomationCondition.will_be_requested())
    .ignore(dg.AssetSelection.assets(*BY_HAND))
    .with_label("an input is behind")
).with_label("when all inputs have caught up")

# For what has no input in the graph, sources and benchmarks: read once, and again by other code. That files changed is seen by
# sensors, not by conditions.
WHEN_NEVER_READ: Condition = (_WANTED.since_last_handled() & ~dg.AutomationCondition.in_progress()).with_label("when never read")

__all__ = ["BY_HAND", "WHEN_ALL_INPUTS_CAUGHT_UP", "WHEN_INPUTS_CHANGE", "WHEN_NEVER_READ", "Condition"]
