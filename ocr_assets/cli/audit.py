"""``ocr-assets audit``: what a published dataset is worth, found by reading, running and counting it in a lake of its own."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import click

from ocr_assets.cli import Refused


@click.command()
@click.argument("dataset")
@click.option(
    "--share", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="Read this share of the rows, chosen by a hash."
)
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="Folder of the page and its plots.")
@click.option(
    "--home",
    "own_home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the audit's own lake; default: a folder of $OCR_HOME/audits. An audit that is run again goes on there.",
)
def audit(dataset: str, share: float, output: Path | None, own_home: Path | None) -> None:
    """Judge a published DATASET (a folder, hub:name@revision, bundled) and write what a buyer would want to know as Markdown.

    Its answers are read, parsed, judged in the sandbox, compared with benchmarks and counted in a lake of its own, with the
    sources and settings of this project; the project's lake is not touched. No model is asked, judges neither. Exit code 1 if a
    step failed.
    """
    from resources.settings.project import home as project_home

    address = dataset.strip()
    if not (address == "bundled" or address.startswith("hub:")):
        if not Path(address).expanduser().is_dir():
            raise Refused(f"{address}: no such folder; give a folder of files, hub:name@revision or bundled")
        address = str(Path(address).expanduser().resolve())
    if "," in address:
        raise Refused(f"{address}: one dataset at a time, without a comma in its name")
    home = (own_home or project_home() / "audits" / _folder_name(address)).resolve()
    share = _largest_share(home, share)
    _run(home, address, share)
    page = _write(home, address, share, output or home)
    click.echo(page.read_text(encoding="utf-8"))
    click.echo(f"{page}", err=True)


def _largest_share(home: Path, share: float) -> float:
    """The share that this home holds after the run: a smaller one than before takes nothing away, and the page counts all."""
    note = home / "share"
    before = float(note.read_text(encoding="utf-8")) if note.is_file() else 0.0
    if before > share:
        click.echo(f"{home} holds a share of {before:g} already: the page is about that", err=True)
    home.mkdir(parents=True, exist_ok=True)
    note.write_text(repr(max(before, share)), encoding="utf-8")
    return max(before, share)


def _run(home: Path, address: str, share: float) -> None:
    """The graph to the tokens of triplets, in a process of its own: its settings are those of this one with another home."""
    environment = {
        **os.environ,
        "OCR_HOME": str(home),
        "OCR_TEACHER": "published",
        "OCR_PUBLISHED": address,
        "OCR_JUDGES": "none",
        "DAGSTER_HOME": str(home / "dagster"),
    }
    # The project's lake may be kept elsewhere; what is set by hand wins over that.
    settings = {"r1_traces.published_share": repr(share), "lake.catalog": "", "lake.data_path": ""}
    by_hand = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    command = [sys.executable, "-m", "ocr_assets.cli", "run", "--select", "+token_statistics", *by_hand]
    ended = subprocess.run(command, env=environment, check=False, stdout=2)  # the page alone is the output
    if ended.returncode:
        sys.exit(ended.returncode)


def _write(home: Path, address: str, share: float, folder: Path) -> Path:
    from ocr_assets.analysis.audit import write_audit
    from ocr_assets.platform.lake import project_lake

    with project_lake(home / "lake") as store:
        return write_audit(store, address, folder, share)


def _folder_name(address: str) -> str:
    words = re.sub(r"[^A-Za-z0-9.-]+", "-", Path(address).name if address.startswith("/") else address).strip("-.")[:60]
    return f"{words}-{hashlib.blake2b(address.encode(), digest_size=4).hexdigest()}"
