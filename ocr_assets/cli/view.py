"""``ocr-assets view`` and ``ocr-assets progress``: looking at rows, and at what works on them now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ocr_assets.cli import Refused
from ocr_assets.cli.project import existing_lake, resources


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on. Whoever reaches it reads everything.")
@click.option(
    "--port",
    default=8501,
    show_default=True,
    envvar="OCR_VIEW_PORT",
    type=click.IntRange(1, 65535),
    help="Port to listen on (OCR_VIEW_PORT).",
)
def view(host: str, port: int) -> None:
    """Read rows in a browser: by filter, responses side by side, two versions, progress."""
    from ocr_assets.serving.viewer.serve import NotInstalled, serve

    if not host.strip():  # the server would take it for every address of this machine
        raise Refused("--host: give an address to listen on, such as 127.0.0.1")
    existing_lake()
    click.echo(f"view: http://{host}:{port} (stop with Ctrl-C)", err=True)
    try:
        code = serve(host, port)
    except NotInstalled as error:
        raise Refused(str(error)) from error
    if code not in (0, -15):
        raise SystemExit(1)


@click.command()
def progress() -> None:
    """What works on the lake now, and how far it is."""
    from resources.lake.at_work import progress as told

    stages = list(told(resources()["lake"].journals))
    for stage in stages:
        click.echo(line(stage))
    if not stages:
        click.echo("nothing has been at work here")


def line(stage: Mapping[str, Any]) -> str:
    """``r1_traces: asking, 1,200 of 5,000 responses, 0:12:00 left …`` of what a stage told (``resources/lake/at_work.py``)."""
    of = f"{stage.get('done', 0):,}" + (f" of {stage['planned']:,}" if stage.get("planned") else "") + f" {stage.get('unit', '')}"
    parts = [stage.get("doing", "working") if stage["working"] else f"ended at {str(stage['updated_at'])[:19]}", of]
    parts += [f"{stage['time left']} left"] if stage["working"] and stage.get("time left", "none") != "none" else []
    parts += [f"{stage['tokens a second']:,.0f} tokens/s"] if stage.get("tokens a second") else []
    parts += [f"${stage['cost, US dollars']:,.2f}"] if stage.get("cost, US dollars") else []
    parts += [", ".join(f"{count:,} {name}" for name, count in stage["verdicts"].items())] if stage.get("verdicts") else []
    parts += [stage["note"]] if stage.get("note") else []
    return f"{stage['stage']}: " + ", ".join(parts)
