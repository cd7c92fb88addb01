"""The whole of the criticism, in order: ask, set judgements beside verdicts, select, count."""

from __future__ import annotations

from ocr_assets.analysis.critiques.asking import STAGE, TEMPLATE, critiques
from ocr_assets.analysis.critiques.judging import COUNTS, accuracy, critiques_query
from ocr_assets.analysis.critiques.settings import CritiqueSettings
from ocr_assets.analysis.rounds import Rounds
from ocr_assets.generation.answers import sampling_json
from ocr_assets.generation.asking import Wanted
from ocr_assets.generation.sampling import Fixed
from ocr_assets.schema import CRITIC_ACCURACY, CRITIQUES


def criticise(rounds: Rounds, settings: CritiqueSettings, critic: str) -> None:
    """Have ``critic`` criticise what the settings want, and bring all tables up to date. Answers are committed as they come. What
    another model, sampling or prompt said stays in ``critic_answers`` and is not counted."""
    template = settings.template(TEMPLATE)
    rounds.ask(
        critiques(template), Wanted(Fixed(settings.critiques), settings.sampling, critic, settings.choice, settings.ask_again)
    )
    store, run = rounds.store, rounds.run
    with store.write(run, STAGE) as judged:
        shown = {"model": critic, "sampling": sampling_json(settings.sampling)}
        judged.sync_query(CRITIQUES, critiques_query(template), shown)
    with store.write(run, STAGE) as counted:
        counted.sync(CRITIC_ACCURACY, accuracy(store.rows(COUNTS)))


__all__ = ["criticise"]
