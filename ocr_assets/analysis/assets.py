"""The assets of the analysis stage: ``token_statistics``."""

import dagster as dg

from ocr_assets.analysis.tokens import DISTRIBUTIONS, UNCOUNTED, count_tokens
from ocr_assets.platform import plots, publish
from ocr_assets.platform.assets import Results, lake_asset
from ocr_assets.platform.publish import picture, run_info
from ocr_assets.schema import TOKEN_COUNTS, TOKEN_STATISTICS
from resources.lake import Lake, Write
from resources.settings import LakeResource, TokenizerResource, from_environment


@lake_asset(
    TOKEN_STATISTICS,
    deps=["verified_triplets", "solutions", "r1_traces"],
    kinds={"duckdb", "parquet"},
    decided_by=lambda: {"vocabulary": from_environment(TokenizerResource).vocabulary},
)
def token_statistics(context: dg.AssetExecutionContext, lake: LakeResource, tokenizer: TokenizerResource) -> Results:
    """Qwen tokens of question, reasoning, solution and response, per source, language and verdict.

    Counts each triplet once (table ``token_counts``), then takes the distributions of all.
    """

    def summarise(store: Lake, write: Write) -> dict[str, object]:
        with store.write(run_info(context), "token_statistics") as counts:
            counts.append(TOKEN_COUNTS, count_tokens(store.stream(UNCOUNTED), tokenizer.opened().count))
        write.sync_query(TOKEN_STATISTICS, DISTRIBUTIONS)
        return {}

    def pictures(store: Lake) -> dict[str, object]:
        # A fixed sample is enough for a picture, however many rows there are.
        sample = "SELECT reasoning_tokens FROM token_counts WHERE reasoning_tokens > 0 ORDER BY hash(triplet_id) LIMIT 20000"
        values = [row["reasoning_tokens"] for row in store.rows(sample)]
        median = store.scalar("SELECT quantile_disc(reasoning_tokens, 0.5) FROM token_counts WHERE reasoning_tokens > 0")
        if not values:
            return {}
        png = plots.histogram(values, "Reasoning tokens per response", "Qwen tokens", {"median": median})
        return {"median reasoning tokens": median, "histogram": picture(png, "reasoning tokens")}

    yield from publish.replace(context, lake, TOKEN_STATISTICS, summarise, after=pictures)
