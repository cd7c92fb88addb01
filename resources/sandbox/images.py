"""The sandbox image: built from ``sandbox_images/``, on a base from a registry or, where there is none, from debootstrap.

Running containers of it is ``docker_pool.py``.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import docker
from docker.errors import APIError, BuildError, DockerException, ImageNotFound

from resources.sandbox.api import SandboxUnavailable

CONTEXT = Path(__file__).resolve().parents[2] / "sandbox_images"
DEFAULT_BASE = "debian:bookworm-slim"
BOOTSTRAP_PACKAGES = "python3,python3-numpy,python3-pytest,python3-coverage,python3-sortedcontainers,g++"
_DEBIAN = re.compile(r"debian:([a-z]+)(-slim)?\Z")  # a base that debootstrap can make as well
REMEDY = "run `make docker-engine` as root, or start your Docker engine"

log = logging.getLogger(__name__)


def engine(timeout_s: float = 60) -> docker.DockerClient:
    """A client of the engine that answers. Raises ``SandboxUnavailable`` with the remedy."""
    try:
        client = docker.from_env(timeout=timeout_s)
        client.ping()
    except (DockerException, OSError) as error:
        raise SandboxUnavailable(f"no Docker engine answers ({error}); {REMEDY}") from error
    return client


def engine_answers() -> bool:
    """Whether a Docker engine answers."""
    try:
        engine(timeout_s=10).close()
    except SandboxUnavailable:
        return False
    return True


def ensure_image(client: docker.DockerClient, base: str = DEFAULT_BASE) -> str:
    """The sandbox image's tag, built if its context or base changed. The tag is the hash of both, so it names the content."""
    base_id = _ensure_base(client, base)
    digest = hashlib.sha256(base_id.encode())
    files = [path for path in sorted(CONTEXT.rglob("*")) if path.is_file() and _belongs(path)]
    for path in files:
        digest.update(f"{path.relative_to(CONTEXT)}\n".encode() + path.read_bytes())
    tag = f"ocr-assets/sandbox:{digest.hexdigest()[:12]}"
    try:
        client.images.get(tag)
    except ImageNotFound:
        log.info("building sandbox image %s", tag)
        with tempfile.TemporaryDirectory() as folder:
            for path in files:
                target = Path(folder) / path.relative_to(CONTEXT)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            try:
                client.images.build(path=folder, tag=tag, buildargs={"BASE": base_id}, rm=True)
            except (BuildError, APIError) as error:
                raise SandboxUnavailable(f"the sandbox image cannot be built: {error}") from error
    return tag


def ensure_extended(client: docker.DockerClient, name: str, base: str = DEFAULT_BASE) -> str:
    """The tag of the sandbox image with the packages that ``sandbox_images/<name>/requirements.txt`` lists, built if there is
    none.

    The host's pip fetches them, from wherever it is set up to look, as wheels for the image's Python; they are kept in an
    image of their own. Raises ``SandboxUnavailable`` with what pip or the engine said.
    """
    sandbox, folder = ensure_image(client, base), CONTEXT / name
    try:
        asked = "import sys; print('%d.%d' % sys.version_info[:2])"
        said = client.containers.run(sandbox, ["-c", asked], entrypoint="/usr/bin/python3", network_mode="none", remove=True)
        arguments = {"SANDBOX": sandbox, "PYTHON": said.decode().strip()}
        requirements = folder / "requirements.txt"
        recipe = [arguments["PYTHON"].encode(), requirements.read_bytes(), (folder / "Dockerfile.packages").read_bytes()]
        packages = f"ocr-assets/packages-{name}:{hashlib.sha256(b''.join(recipe)).hexdigest()[:12]}"
        if not _is_there(client, packages):
            log.warning("fetching the packages of %s, once: some gigabytes", name)
            with tempfile.TemporaryDirectory(prefix="ocr-image-") as context:
                shutil.copyfile(folder / "Dockerfile.packages", Path(context) / "Dockerfile")
                _fetch_packages(requirements, Path(context) / "site", arguments["PYTHON"])
                client.images.build(path=context, tag=packages, buildargs=arguments, rm=True, timeout=3600)
        recipe = [sandbox.encode(), packages.encode(), (folder / "Dockerfile").read_bytes()]
        tag = f"ocr-assets/sandbox-{name}:{hashlib.sha256(b''.join(recipe)).hexdigest()[:12]}"
        if not _is_there(client, tag):
            log.warning("building the image %s", tag)
            with tempfile.TemporaryDirectory(prefix="ocr-image-") as context:
                shutil.copyfile(folder / "Dockerfile", Path(context) / "Dockerfile")
                arguments["PACKAGES"] = packages
                client.images.build(path=context, tag=tag, buildargs=arguments, rm=True, timeout=3600)
    except (BuildError, APIError, OSError) as error:
        raise SandboxUnavailable(f"the image for {name} cannot be built: {error}") from error
    return tag


def _is_there(client: docker.DockerClient, tag: str) -> bool:
    try:
        client.images.get(tag)
    except ImageNotFound:
        return False
    return True


def _fetch_packages(requirements: Path, target: Path, python: str) -> None:
    """Wheels for Linux and that Python, unpacked into ``target``."""
    machine = platform.machine()
    platforms = [
        f"--platform={kind}_{machine}" for kind in ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
    ]
    older = [f"--platform={kind}_{machine}" for kind in ("manylinux_2_12", "manylinux2010", "manylinux_2_5", "manylinux1")]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--only-binary=:all:", "--no-deps"]
    command += [f"--target={target}", f"--python-version={python}", "--implementation=cp", *platforms, *older]
    made = subprocess.run([*command, "-r", str(requirements)], capture_output=True, text=True, check=False)
    if made.returncode:
        raise SandboxUnavailable(f"pip cannot fetch {requirements} for Python {python}: {(made.stdout + made.stderr)[-2000:]}")


def _belongs(path: Path) -> bool:
    inside = path.relative_to(CONTEXT).parts[0] in ("runner", "include")
    return path == CONTEXT / "Dockerfile" or (inside and path.suffix in (".py", ".c", ".h"))


def _ensure_base(client: docker.DockerClient, base: str) -> str:
    for name in (base, bootstrap_tag(base)):
        try:
            return str(client.images.get(name).id)
        except ImageNotFound:
            continue
    try:
        log.info("pulling base image %s", base)
        return str(client.images.pull(*base.split(":", 1)).id)
    except (APIError, ImageNotFound) as error:
        log.info("no registry gives %s (%s); making a base with debootstrap", base, type(error).__name__)
    return _bootstrap(client, base)


def bootstrap_tag(base: str) -> str:
    """What the base that debootstrap makes in place of ``base`` is called: of the same release of Debian, else of bookworm."""
    return f"ocr-assets/base:{_release(base)}-{hashlib.sha256(BOOTSTRAP_PACKAGES.encode()).hexdigest()[:8]}"


def _release(base: str) -> str:
    release = _DEBIAN.match(base)
    return release[1] if release else "bookworm"


def _bootstrap(client: docker.DockerClient, base: str) -> str:
    if os.getuid() != 0 or not shutil.which("debootstrap"):
        raise SandboxUnavailable(
            "no registry gives the base image, and making one needs root and debootstrap: "
            "run `apt-get install debootstrap` and try again as root, or set OCR_SANDBOX_BASE to an image you have"
        )
    log.info("making the base image with debootstrap (about a minute, once)")
    with tempfile.TemporaryDirectory(prefix="ocr-base-") as folder:
        root = Path(folder) / "root"
        command = ["debootstrap", "--variant=minbase", f"--include={BOOTSTRAP_PACKAGES}", _release(base), str(root)]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise SandboxUnavailable(f"debootstrap failed: {(made.stdout + made.stderr)[-2000:]}")
        archive = Path(folder) / "base.tar"
        subprocess.run(
            [
                "tar",
                "-C",
                str(root),
                "--exclude=./var/cache/apt/archives/*.deb",
                "--exclude=./dev/*",
                "-cf",
                str(archive),
                ".",
            ],
            check=True,
        )
        repository, tag = bootstrap_tag(base).split(":")
        client.api.import_image_from_file(str(archive), repository=repository, tag=tag)
    return str(client.images.get(bootstrap_tag(base)).id)
