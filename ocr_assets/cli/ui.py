"""``ocr-assets ui``: Dagster's UI over the project of the current folder, with the daemon that schedules and sensors need."""

from __future__ import annotations

import os
import sys

import click


@click.command()
@click.option("--port", envvar="OCR_UI_PORT", type=click.IntRange(0, 65535), default=3000, show_default=True, help="Its port.")
def ui(port: int) -> None:
    """Dagster's UI on this machine, with the daemon of schedules and sensors."""
    from ocr_assets.cli.run import prepared_home
    from resources.settings import read_project

    home, project = prepared_home(), read_project()
    # Dagster starts processes of its own; wherever they run, they are of this project.
    if project.file is not None:
        os.environ["OCR_PROJECT"] = str(project.file)
    else:
        os.environ["OCR_HOME"] = str(home)
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    click.echo(f"http://127.0.0.1:{port}, data under {home} (stop with Ctrl-C)")
    sys.stdout.flush()
    words = ["-m", "dagster", "dev", "-m", "ocr_assets.definitions", "-h", "127.0.0.1", "-p", str(port)]
    os.execv(sys.executable, [sys.executable, *words])
