"""The sandbox image brought to other machines: through a file, in pieces, through a registry. With an image of no size."""

import contextlib
import io
import os
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ocr_assets.cli import main
from resources.sandbox.api import SandboxUnavailable
from resources.sandbox.docker_pool import DockerSandbox
from resources.sandbox.image_transfer import ImageMissing, archived, load, named, present, pull, push, save
from resources.sandbox.images import engine
from resources.sandbox.ray_node import SandboxNode


@pytest.fixture
def tiny_image() -> Iterator[tuple[Any, str]]:
    """The engine's client, and an image that only this process knows; it is removed, however often it came back."""
    client = engine()
    repository, version = "ocr-assets/tiny-test", str(os.getpid())
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("empty"), io.BytesIO())
    client.api.import_image_from_data(content.getvalue(), repository=repository, tag=version)
    try:
        yield client, named(client, f"{repository}:{version}")
    finally:
        client.images.remove(f"{repository}:{version}")
        client.close()


def test_an_image_goes_through_a_file(tiny_image: tuple[Any, str], tmp_path: Path) -> None:
    client, image = tiny_image
    tag = image.partition("@")[0]
    save(client, image, tmp_path / "image.tar")
    assert [path.name for path in tmp_path.iterdir()] == ["image.tar"], "no part of an archive is left"
    client.images.remove(tag)
    with pytest.raises(ImageMissing, match="ocr-assets sandbox load FILE"):
        present(client, image)
    with (tmp_path / "image.tar").open("rb") as file:
        assert load(client, file) == image
    with pytest.raises(ImageMissing, match=f"this machine has {image}, not {tag}@sha256:other"):
        present(client, f"{tag}@sha256:other")
    with pytest.raises(SandboxUnavailable, match=r"does not load this archive|holds no image"):
        load(client, io.BytesIO(b"no archive"))


def test_an_image_is_sent_in_pieces_to_a_machine_without_it(tiny_image: tuple[Any, str]) -> None:
    client, image = tiny_image
    pieces = [*archived(client, image), b""]
    client.images.remove(image.partition("@")[0])
    node = SandboxNode({}, image, online_judge=True)
    with pytest.raises(ImageMissing):
        node.open()
    for piece in pieces:
        node.receive(piece)
    assert present(client, image)


def test_exactly_the_image_that_is_named_is_run(tiny_image: tuple[Any, str]) -> None:
    with DockerSandbox(workers=1, image=tiny_image[1]) as pool:
        assert pool.image == tiny_image[1], "not the one that would be built"


def test_the_commands_name_the_image(tiny_image: tuple[Any, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client, image = tiny_image
    monkeypatch.setenv("OCR_SANDBOX_IMAGE", image)
    monkeypatch.setenv("OCR_HOME", str(tmp_path))

    def said(*arguments: str) -> str:
        return CliRunner().invoke(main, ["sandbox", *arguments], catch_exceptions=False).output.strip()

    assert said("image") == image == said("save", str(tmp_path / "image.tar"))
    client.images.remove(image.partition("@")[0])
    assert said("image").startswith("Error: this machine has no image")
    assert said("load", str(tmp_path / "image.tar")) == image


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A registry on loopback, Debian's: its address. Left out where it is not installed."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("no registry is here to push to: apt-get install docker-registry")
    folder = tmp_path_factory.mktemp("registry")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "config.yml").write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {folder}/data\nhttp:\n  addr: 127.0.0.1:{port}\n"
    )
    with (folder / "log").open("wb") as said:
        process = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=said, stderr=said)
        try:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.1)
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


def test_an_image_goes_through_a_registry(registry: str, tiny_image: tuple[Any, str]) -> None:
    client, image = tiny_image
    name = push(client, image, f"{registry}/team/sandbox")
    tag = image.partition("@")[0]
    client.images.remove(tag)
    assert name.startswith(f"{registry}/team/sandbox:") and not client.images.list(f"{registry}/team/sandbox")
    assert pull(client, name, "tiny-test") == image
    with pytest.raises(SandboxUnavailable, match="cannot be pulled"):
        pull(client, f"{registry}/team/sandbox:never", "tiny-test")
    with pytest.raises(SandboxUnavailable, match="a name with a tag is needed"):
        pull(client, f"{registry}/team/sandbox", "tiny-test")
    with pytest.raises(SandboxUnavailable, match="cannot be pushed"):
        push(client, image, "127.0.0.1:1/team/sandbox")
