"""The assets of the analysis stage: ``token_statistics``."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ocr_assets.analysis import distributions
from ocr_assets.analysis.tokens import COUNTING_VERSION, count_new
from ocr_assets.platform import plots, publish
from ocr_assets.platform.assets import Results, lake_asset
from ocr_assets.platform.publish import run_info, table_of
from ocr_assets.schema import LENGTH_OUTCOMES, TOKEN_STATISTICS
from resources.lake import Lake, Write
from resources.settings import LakeResource, TokenizerResource, from_environment

PLOTS = "analysis/token_statistics"  # below OCR_HOME


@lake_asset(
    TOKEN_STATISTICS,
    deps=["verified_triplets", "solutions", "r1_traces"],
    kinds={"duckdb", "parquet"},
    writes=[PLOTS],
    decided_by=lambda: {"vocabulary": from_environment(TokenizerResource).vocabulary, "counting": COUNTING_VERSION},
)
def token_statistics(context: dg.AssetExecutionContext, lake: LakeResource, tokenizer: TokenizerResource) -> Results:
    """Qwen tokens of question, reasoning, solution and response, by source, language, verdict, difficulty and teacher: quantiles,
    histograms, the share that fits budgets from 4k to 32k, and how many responses are cut off or end in a loop.

    Counts each triplet once (table ``token_counts``), then takes the distributions of all. ``length_outcomes`` holds the length
    of the reasoning against success. The plots lie in ``$OCR_HOME/analysis/token_statistics`` as well.
    """

    def summarise(store: Lake, write: Write) -> Mapping[str, Any]:
        counted = count_new(store, run_info(context), tokenizer.opened(), context.log.info)
        write.sync_query(TOKEN_STATISTICS, distributions.DISTRIBUTIONS)
        write.sync_query(LENGTH_OUTCOMES, distributions.LENGTH_OUTCOMES)
        return {"counted now": counted}

    def drawn(store: Lake) -> Mapping[str, Any]:
        # A fixed sample is enough for a picture, however many rows there are.
        values = [row["reasoning_tokens"] for row in store.rows(distributions.LENGTHS)]
        if not values:
            return {}
        median = store.scalar("SELECT quantile_disc(reasoning_tokens, 0.5) FROM token_counts WHERE reasoning_tokens > 0")
        curves, passing = store.rows(distributions.BUDGET_CURVE), store.rows(distributions.PASSING)
        shown = {
            "reasoning tokens": plots.histogram(values, "Reasoning tokens per response", "Qwen tokens", {"median": median}),
            "responses that fit a budget": plots.lines(
                curves, "outcome", "budget", "share", "Share of responses that fit a budget of tokens", "share"
            ),
            "reasoning tokens by source": plots.intervals(
                store.rows(distributions.BY_SOURCE), "Reasoning tokens by source: median and middle half", "Qwen tokens"
            ),
        }
        if passing:
            shown["accepted by length and difficulty"] = plots.lines(
                passing, "difficulty", "tokens", "accepted_share", "Accepted, by length of the reasoning", "share of the judged"
            )
        return {
            **publish.pictures(lake.root / PLOTS, shown),
            "median reasoning tokens": median,
            "budgets": table_of(store, distributions.BUDGETS_SHOWN),
        }

    yield from publish.replace(context, lake, TOKEN_STATISTICS, summarise, after=drawn)
