"""The assets of the release stage: ``sft_dataset``."""

import dagster as dg

from ocr_assets import samples
from ocr_assets.exports.card import BENCHMARKS, card_text, warning
from ocr_assets.exports.selection import edges_query, rows_query
from ocr_assets.exports.settings import ReleaseSettings
from ocr_assets.exports.sft import SFT
from ocr_assets.exports.writer import current_version, write_release
from ocr_assets.platform import plots, publish
from ocr_assets.platform.assets import Results, lake_asset
from ocr_assets.platform.lake import project_lake
from ocr_assets.platform.publish import picture, run_info
from ocr_assets.schema import SFT_DATASET
from resources.lake import breaches_of
from resources.settings import LakeResource


class ReleaseConfig(ReleaseSettings, dg.Config):
    """Which triplets are released."""


@lake_asset(
    SFT_DATASET,
    group="release",
    deps=[
        "verified_triplets",
        "token_statistics",
        "clean_problems",
        "contamination_report",
        "solutions",
        "r1_traces",
        "verdicts",
    ],
    kinds={"parquet", "huggingface"},
)
def sft_dataset(context: dg.AssetExecutionContext, config: ReleaseConfig, lake: LakeResource) -> Results:
    """The SFT release: Parquet shards in the OpenCodeReasoning schema with our labels, and a dataset card.

    Lies in ``$OCR_HOME/releases/sft_dataset``; swapped in whole, and only when rows, settings or benchmarks changed.
    """
    folder = lake.releases / SFT.name
    query = rows_query(SFT, config)
    with project_lake(lake) as store:
        with store.cursor() as cursor:
            breaches = breaches_of(cursor, SFT_DATASET, f"({query})")
        if breaches:
            yield publish.failed(context, breaches)
            raise dg.Failure(f"{SFT.name}: nothing was released, because {'; '.join(breaches)}", allow_retries=False)
        benchmarks = store.rows(BENCHMARKS)
        not_decontaminated = warning(benchmarks, samples.BENCHMARK_NAMES)
        filters = config.model_dump()
        version = store.query_version(query, salt=repr((filters, benchmarks)))
        with store.write(run_info(context), SFT.name) as write:
            write.edges_query(edges_query(SFT, config))
            rows = store.scalar(f"SELECT count(*) FROM ({query})")
            write.released(SFT.name, version, rows)
        verdicts = store.rows(f"SELECT verdict, count(*) AS rows FROM ({query}) GROUP BY ALL ORDER BY rows DESC, verdict")
        is_new = current_version(folder) != version
        if is_new:
            manifest = {
                "dataset": SFT.name,
                "version": version,
                "run_id": context.run.run_id,
                "filters": filters,
                "benchmarks": benchmarks,
                "warning": not_decontaminated,
            }
            funnel = store.rows("SELECT stage, outcome, reason, rows FROM funnel")
            licenses = store.rows(f"SELECT license, count(*) AS rows FROM ({query}) GROUP BY ALL ORDER BY rows DESC, license")

            write_release(
                folder,
                store.batches(query),
                SFT_DATASET.schema,
                manifest,
                lambda whole: card_text(whole, columns=SFT_DATASET.columns, funnel=funnel, verdicts=verdicts, licenses=licenses),
            )
        context.log.info(f"{SFT.name}: {rows:,} rows {'released to' if is_new else 'unchanged in'} {folder}")
        if not_decontaminated:
            context.log.warning(f"{SFT.name}: {not_decontaminated}")
        by_verdict = {str(row["verdict"] or "no verdict"): int(row["rows"]) for row in verdicts}
        metadata = {
            "folder": dg.MetadataValue.path(str(folder)),
            "released now": is_new,
            "decontaminated": not_decontaminated or "compared with " + ", ".join(row["benchmark"] for row in benchmarks),
            "by verdict": picture(plots.bars(by_verdict, "Released rows by verdict"), "released rows by verdict"),
        }
        yield publish.published(context, store, SFT_DATASET, rows, version, metadata, relation=f"({query})")
