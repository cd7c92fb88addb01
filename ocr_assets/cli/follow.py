"""``ocr-assets follow``: the job of that name from a terminal."""

from __future__ import annotations

import click

from ocr_assets.cli.run import RUN_CONFIG, prepared_home


@click.command()
@click.option("--patience", default=60.0, show_default=True, help="Seconds without anybody asking after which it ends.")
def follow(patience: float) -> None:
    """Parse and judge what is committed, again and again, beside a run that still asks.

    With until_passing of r1_traces, problems that are solved stop costing during that run. Exit code 1 if it failed.
    """
    import dagster as dg

    from ocr_assets.definitions import build_definitions

    prepared_home()
    job = build_definitions().resolve_job_def("follow")
    config = {**RUN_CONFIG, "ops": {"parse_and_judge": {"config": {"patience_s": patience}}}}
    with dg.DagsterInstance.get() as instance:
        if not job.execute_in_process(config, instance=instance, raise_on_error=False).success:
            raise SystemExit(1)
