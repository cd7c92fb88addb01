"""The whole of the annotation, in order: ask, align, ask about what is left, align, count, compare."""

from __future__ import annotations

from ocr_assets.analysis.reasoning.asking import STAGE, TEMPLATES, align_new, final, initial
from ocr_assets.analysis.reasoning.comparing import SUMS, statistics
from ocr_assets.analysis.reasoning.counting import patterns_query, transitions_query
from ocr_assets.analysis.reasoning.settings import AnnotationSettings
from ocr_assets.analysis.rounds import Rounds
from ocr_assets.generation.answers import sampling_json
from ocr_assets.generation.asking import Wanted
from ocr_assets.generation.sampling import UntilPassing
from ocr_assets.schema import PATTERN_STATISTICS, PATTERN_TRANSITIONS, REASONING_PATTERNS


def annotate(rounds: Rounds, settings: AnnotationSettings, annotator: str) -> int:
    """Have ``annotator`` annotate what the settings want, and bring all tables up to date; returns how many answers were aligned.

    Answers are committed as they come. What another model, sampling or prompt said stays in ``reasoning_annotations`` and is
    not counted."""
    first, second = (settings.template(name) for name in TEMPLATES)
    wanted = Wanted(UntilPassing(1, settings.tries), settings.sampling, annotator, settings.choice, settings.ask_again)
    store, run = rounds.store, rounds.run
    rounds.ask(initial(first), wanted, settings.tries)
    aligned = align_new(store, run, rounds.say)
    rounds.ask(final(second, first), wanted, settings.tries)
    aligned += align_new(store, run, rounds.say)
    shown = {"model": annotator, "sampling": sampling_json(settings.sampling)}
    with store.write(run, STAGE) as counted:
        counted.sync_query(
            REASONING_PATTERNS, patterns_query(first, second), {**shown, "least_coverage": settings.least_coverage}
        )
    with store.write(run, STAGE) as compared:
        compared.sync(PATTERN_STATISTICS, statistics(store.rows(SUMS)))
        compared.sync_query(PATTERN_TRANSITIONS, transitions_query(first, second), shown)
    return aligned


__all__ = ["annotate"]
