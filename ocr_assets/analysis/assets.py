"""The assets of the analysis stage: ``token_statistics`` and ``subsets``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import BaseModel, ConfigDict, Field

from ocr_assets.analysis import distributions
from ocr_assets.analysis.subsets import SIZES, load_families, make
from ocr_assets.analysis.tokens import COUNTING_VERSION, count_new
from ocr_assets.platform import plots, publish
from ocr_assets.platform.assets import Results, defaults, lake_asset
from ocr_assets.platform.publish import run_info, table_of
from ocr_assets.schema import LENGTH_OUTCOMES, SUBSETS, TOKEN_STATISTICS
from resources.lake import Lake, Write
from resources.settings import LakeResource, TokenizerResource, WrongSetting, from_environment

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


class SubsetSettings(BaseModel):
    """Which subsets there are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    definitions: str = Field(
        "",
        description="TOML file of your own families of subsets, beside the bundled ones; one named as a bundled one replaces it",
        json_schema_extra={"path": True},
    )

    @property
    def file(self) -> Path | None:
        """The file of own definitions; None: there is none."""
        return Path(self.definitions.strip()).expanduser() if self.definitions.strip() else None


class SubsetConfig(SubsetSettings, dg.Config):
    """``SubsetSettings`` as Dagster takes them."""


def _defined() -> Mapping[str, Any]:
    """The definitions in force. Raises ``WrongSetting`` where one cannot be used."""
    try:
        families = load_families(defaults(SubsetConfig).file)
    except ValueError as error:
        raise WrongSetting(f"wrong setting: [subsets] definitions: {error}") from None
    return {"families": {name: family.model_dump(mode="json") for name, family in families.items()}}


@lake_asset(
    SUBSETS,
    deps=["verified_triplets", "solutions", token_statistics],
    kinds={"duckdb", "parquet"},
    writes=["analysis/subsets"],
    decided_by=_defined,
)
def subsets(context: dg.AssetExecutionContext, config: SubsetConfig, lake: LakeResource) -> Results:
    """Named subsets of the triplets for ablations, each with its statistics: nested sizes, passing and failing ones of equal
    size, Python only and with C++, hard problems. A subset's rows are those of its family in ``subset_rows`` whose position is
    smaller than its ``rows``; ``query`` draws them again from the version of the lake that it names."""

    def chosen(store: Lake, write: Write) -> Mapping[str, Any]:
        try:
            families = load_families(config.file)
        except ValueError as error:
            raise dg.Failure(f"[subsets] definitions: {error}", allow_retries=False) from None
        return {"subsets": make(store, write, families)}

    def drawn(store: Lake) -> Mapping[str, Any]:
        sizes = {str(row["subset"]): int(row["rows"]) for row in store.rows(SIZES)}
        return publish.pictures(lake.root / "analysis" / "subsets", {"rows of subsets": plots.bars(sizes, "Rows of subsets")})

    yield from publish.replace(context, lake, SUBSETS, chosen, after=drawn)
