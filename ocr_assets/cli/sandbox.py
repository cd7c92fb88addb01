"""``ocr-assets sandbox``: the sandbox image brought to other machines, so that ``image`` is the same in all verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ocr_assets.cli.files import FILE
from ocr_assets.cli.project import resources


@click.group()
def sandbox() -> None:
    """Bring the sandbox image to other machines.

    Each command prints the image as OCR_SANDBOX_IMAGE takes it. EXTENDED: the image with more packages that a benchmark needs.
    """


_extended = click.option("--extended", metavar="NAME", help="The image with more packages, such as bigcodebench.")


@sandbox.command()
@_extended
def image(extended: str | None) -> None:
    """Print the image that programs run in here; it is built if there is none."""
    with _engine() as client:
        click.echo(_image(client, extended))


@sandbox.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_extended
def save(file: Path, extended: str | None) -> None:
    """Write the image into FILE, an archive."""
    from resources.sandbox.image_transfer import save

    with _engine() as client:
        image = _image(client, extended)
        save(client, image, file)
        click.echo(image)


@sandbox.command()
@click.argument("file", type=FILE)
def load(file: Path) -> None:
    """Bring the image of FILE to this machine."""
    from resources.sandbox.image_transfer import load

    with _engine() as client, file.open("rb") as archive:
        click.echo(load(client, archive))


@sandbox.command()
@click.argument("repository", metavar="REGISTRY/NAME")
@_extended
def push(repository: str, extended: str | None) -> None:
    """Put the image into a registry; the name to pull is told."""
    from resources.sandbox.image_transfer import push

    with _engine() as client:
        image = _image(client, extended)
        click.echo(f"pull it by: ocr-assets sandbox pull {push(client, image, repository)}", err=True)
        click.echo(image)


@sandbox.command()
@click.argument("name", metavar="REGISTRY/NAME:TAG")
@_extended
def pull(name: str, extended: str | None) -> None:
    """Bring the image to this machine from a registry."""
    from resources.sandbox.image_transfer import pull

    with _engine() as client:
        click.echo(pull(client, name, f"sandbox-{extended}" if extended else "sandbox"))


@contextmanager
def _engine() -> Iterator[Any]:
    from resources.sandbox.api import SandboxUnavailable
    from resources.sandbox.images import engine

    try:
        client = engine(timeout_s=3600)
        try:
            yield client
        finally:
            client.close()
    except (SandboxUnavailable, OSError) as error:
        raise click.ClickException(str(error)) from error


def _image(client: Any, extended: str | None) -> str:
    from resources.sandbox.image_transfer import image_for, named

    settings = resources()["sandbox"]
    return named(client, image_for(client, settings.base, extended, None if extended else settings.image))
