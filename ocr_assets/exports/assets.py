"""The assets of the release stage: ``sft_dataset``."""

from typing import Literal

import dagster as dg
from pydantic import Field

from ocr_assets.exports.sft import NAME, Filters, Prefer, current_version, edges_query, rows_query, write_release
from ocr_assets.platform.lake import project_lake
from ocr_assets.platform.publish import CHECK, Results, declared, described, funnel_of, run_info
from ocr_assets.schema import SFT_DATASET
from resources.lake import breaches_of
from resources.settings import LakeResource


class SftConfig(dg.Config):
    """Which triplets are released."""

    keep: Literal["all", "accepted"] = Field("all", description="all: every triplet, labelled; accepted: only those that passed")
    languages: list[str] = Field(["python", "cpp"], description="Languages to release")
    undecided: bool = Field(False, description="Release also problems whose contamination nobody has decided")
    trusted_only: bool = Field(
        False, description="Leave out verdicts that may be wrong: several answers allowed and no checker, a quarantined suite"
    )
    min_suite_tpr: float = Field(0.0, ge=0, le=1, description="Least share of known-good programs the suite must accept")
    min_suite_tnr: float = Field(0.0, ge=0, le=1, description="Least share of known-bad programs and mutants it must not accept")
    per_problem: int | None = Field(
        None, ge=1, description="At most so many rows a problem and language; with keep=accepted: rejection sampling"
    )
    prefer: Prefer = Field("first", description="Which rows those are: first sampled, shortest, longest or fastest")
    distinct_code: bool = Field(False, description="Of equal programs for a problem release one")


@dg.asset(
    group_name="release",
    deps=["verified_triplets", "token_statistics", "clean_problems", "solutions", "r1_traces"],
    check_specs=declared(SFT_DATASET),
    metadata=described(SFT_DATASET),
    kinds={"parquet", "huggingface"},
)
def sft_dataset(context: dg.AssetExecutionContext, config: SftConfig, lake: LakeResource) -> Results:
    """The SFT release: Parquet shards in the OpenCodeReasoning schema with our labels, and a dataset card.

    Lies in ``$OCR_HOME/releases/sft_dataset``; swapped in whole, and only when rows or filters changed.
    """
    filters = Filters(**{**config.model_dump(), "languages": tuple(config.languages)})
    folder = lake.releases / NAME
    query = rows_query(filters)
    with project_lake(lake) as store:
        with store.cursor() as cursor:
            breaches = breaches_of(cursor, SFT_DATASET, f"({query})")
        if breaches:
            yield dg.AssetCheckResult(passed=False, check_name=CHECK, metadata={"breaches": breaches})
            raise dg.Failure(f"{NAME}: nothing was released, because {'; '.join(breaches)}", allow_retries=False)
        version = store.query_version(query, salt=repr(filters))
        with store.write(run_info(context), NAME) as write:
            write.reads("verified_triplets", "solutions", "r1_traces", "clean_problems", "token_counts")
            write.edges_query(edges_query(filters))
            rows = store.scalar(f"SELECT count(*) FROM ({query})")
            write.released(NAME, version, rows)
        is_new = current_version(folder) != version
        if is_new:
            write_release(folder, store.batches(query), filters, version, {
                "funnel": store.rows("SELECT stage, outcome, reason, rows FROM funnel"),
                "verdicts": store.rows(f"SELECT verdict, count(*) AS rows FROM ({query}) GROUP BY ALL ORDER BY rows DESC"),
                "licenses": store.rows(f"SELECT license, count(*) AS rows FROM ({query}) GROUP BY ALL ORDER BY rows DESC"),
                "run_id": context.run.run_id,
            })  # fmt: skip
        context.log.info(f"{NAME}: {rows:,} rows {'released to' if is_new else 'unchanged in'} {folder}")
        yield dg.MaterializeResult(
            data_version=dg.DataVersion(version),
            metadata={
                "dagster/row_count": rows,
                "folder": dg.MetadataValue.path(str(folder)),
                "released now": is_new,
                "kept and dropped": funnel_of(store, NAME),
                "by verdict": dg.MetadataValue.json(
                    {
                        str(row["verdict"] or "no verdict"): row["rows"]
                        for row in store.rows(f"SELECT verdict, count(*) AS rows FROM ({query}) GROUP BY ALL")
                    }
                ),
            },
            check_results=[dg.AssetCheckResult(passed=True, check_name=CHECK, metadata={"rows": rows})],
        )
