"""``ocr-assets serve``: verdicts over HTTP for trainers. What it answers to: ``ocr_assets/serving/rewards/app.py``."""

from __future__ import annotations

from pathlib import Path

import click

from ocr_assets.cli import Refused
from ocr_assets.cli.files import FILE
from ocr_assets.cli.project import resources


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; others than this machine's: OCR_SERVE_TOKEN."
)
@click.option(
    "--port",
    default=8600,
    show_default=True,
    envvar="OCR_SERVE_PORT",
    type=click.IntRange(0, 65535),
    help="Port to listen on (OCR_SERVE_PORT); 0: any that is free.",
)
@click.option("--problems", multiple=True, type=FILE, help="JSON lines of problems that requests may name by problem_id.")
@click.option("--body-mb", default=64, show_default=True, type=click.IntRange(1, 4096), help="MiB of a request at most.")
@click.option(
    "--wait-s",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0.1, 3600),
    help="Seconds until a request is begun, or refused.",
)
@click.option(
    "--most", default=20_000, show_default=True, type=click.IntRange(1), help="Programs taken on at once; beyond: refused."
)
def serve(host: str, port: int, problems: tuple[Path, ...], body_mb: int, wait_s: float, most: int) -> None:
    """Answer trainers that ask for verdicts over HTTP, from the sandbox.

    POST /verify takes problems and solutions in the form of `ocr-assets verify`; POST /run_code and /submit are SandboxFusion's.
    GET /v1/ping, /health and /metrics. On addresses that others reach, requests have to show the token in OCR_SERVE_TOKEN.
    """
    from ocr_assets.serving.rewards.serve import CannotListen
    from ocr_assets.serving.rewards.serve import serve as run
    from resources.sandbox.api import SandboxUnavailable
    from resources.secrets import SERVE_TOKEN

    if not host.strip():  # the server would take it for every address of this machine
        raise Refused("--host: give an address to listen on, such as 127.0.0.1")

    def ready(address: str) -> None:
        click.echo(f"serve: {address} (stop with Ctrl-C)", err=True)

    try:
        run(
            resources()["sandbox"], host, port, SERVE_TOKEN.read(), problems=problems, body_mb=body_mb, wait_s=wait_s, most=most,
            ready=ready,
        )  # fmt: skip
    except CannotListen as error:
        raise Refused(f"--host: {error}") from error
    except KeyboardInterrupt:
        click.echo("serve: stopped", err=True)
    except SandboxUnavailable as error:
        raise click.ClickException(str(error)) from error
