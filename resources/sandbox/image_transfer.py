"""The same sandbox image on several machines: saved to a file and loaded, pushed to a registry and pulled.

Each machine could build its own (``images.py``), but no two builds are the same to the byte, and the image with its digest stands
in every verdict. An image is named here as verdicts name it: ``repository:tag@sha256:…``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import docker
from docker.errors import APIError, DockerException, ImageNotFound

from resources.sandbox.api import SandboxUnavailable
from resources.sandbox.images import ensure_extended, ensure_image

CHUNK = 8 << 20  # bytes of an archive at a time
OURS = "ocr-assets/"  # what the repositories of our images are called on every machine


class ImageMissing(SandboxUnavailable):
    """The image that is asked for is not on this machine. The message says how to bring it there."""


def named(client: docker.DockerClient, tag: str) -> str:
    """``tag@id`` of an image that is here."""
    return f"{tag}@{client.images.get(tag).id}"


def present(client: docker.DockerClient, image: str) -> str:
    """The tag of exactly this ``image``. Raises ``ImageMissing``."""
    tag, _, wanted = image.partition("@")
    try:
        found = str(client.images.get(tag).id)
    except ImageNotFound:
        found = ""
    if found and wanted in ("", found):
        return tag
    remedy = "`ocr-assets sandbox load FILE` or `ocr-assets sandbox pull REGISTRY/NAME:TAG` brings it here"
    raise ImageMissing(f"this machine has {f'{tag}@{found}' if found else 'no image ' + tag}, not {image}: {remedy}")


def image_for(client: docker.DockerClient, base: str, extended: str | None = None, image: str | None = None) -> str:
    """The tag of the image to run: exactly ``image`` where one is named, else the one of ``base``, or its ``extended`` one, built
    if there is none. Raises ``SandboxUnavailable``."""
    if image is not None:
        return present(client, image)
    return ensure_image(client, base) if extended is None else ensure_extended(client, extended, base)


def archived(client: docker.DockerClient, image: str) -> Iterator[bytes]:
    """The image as an archive that ``load`` reads, in pieces. Raises ``ImageMissing``."""
    tag = present(client, image)
    yield from client.images.get(tag).save(chunk_size=CHUNK, named=tag)


def save(client: docker.DockerClient, image: str, path: Path) -> None:
    """The image as a file; a part of one never lies under that name."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            for piece in archived(client, image):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load(client: docker.DockerClient, file: IO[bytes]) -> str:
    """Bring an archive's image here; its name. Raises ``SandboxUnavailable``."""
    try:
        tags = [tag for image in client.images.load(file) for tag in image.tags if tag.startswith(OURS)]
    except (DockerException, OSError) as error:
        raise SandboxUnavailable(f"the engine does not load this archive: {error}") from error
    if not tags:
        raise SandboxUnavailable(f"the archive holds no image of {OURS}…")
    return named(client, tags[0])


def push(client: docker.DockerClient, image: str, repository: str) -> str:
    """Put the image into a registry, under the tag that it has here; its name there. Raises ``SandboxUnavailable``."""
    tag = present(client, image)
    version = tag.rpartition(":")[2]
    client.images.get(tag).tag(repository, version)
    try:
        _raise_what_was_said(client.images.push(repository, version, stream=True, decode=True))
    except DockerException as error:
        raise SandboxUnavailable(f"the image cannot be pushed to {repository}: {error}") from error
    finally:
        client.images.remove(f"{repository}:{version}", noprune=True)
    return f"{repository}:{version}"


def pull(client: docker.DockerClient, name: str, kind: str = "sandbox") -> str:
    """Bring an image here from a registry (``REGISTRY/NAME:TAG``), and call it as it was called where it was made (``kind``: our
    repository). Its name. Raises ``SandboxUnavailable``."""
    repository, _, version = name.rpartition(":")
    if not repository or "/" in version:
        raise SandboxUnavailable(f"{name}: a name with a tag is needed, as `ocr-assets sandbox push` says it")
    try:
        client.images.pull(repository, version).tag(OURS + kind, version)
        client.images.remove(name, noprune=True)
    except (DockerException, OSError) as error:
        raise SandboxUnavailable(f"{name} cannot be pulled: {error}") from error
    return named(client, f"{OURS}{kind}:{version}")


def _raise_what_was_said(answers: Iterator[dict[str, object]]) -> None:
    """An engine that cannot push says so in the middle of a good answer."""
    for answer in answers:
        if "error" in answer:
            raise APIError(str(answer["error"]))
