"""A Docker engine for one test, with its own data, socket and containerd, that may be crashed and restarted. Needs root."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import docker
import pytest

from resources.sandbox.images import DEFAULT_BASE, bootstrap_tag, engine, ensure_image


class OwnEngine:
    """``with OwnEngine() as own``: an engine that answers at ``own.url`` and has the sandbox image."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="own-engine-"))
        self.url = f"unix://{self._folder}/sock"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "OwnEngine":
        if os.getuid() != 0 or not shutil.which("dockerd"):
            pytest.skip("an engine of the test's own needs root and dockerd")
        try:
            self.start()
            self._copy_image()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        deadline = time.monotonic() + 30
        while (left := self.processes()) and time.monotonic() < deadline:  # containerd and its shims, if dockerd was killed
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.2)
        for mount in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            if mount.split()[1].startswith(str(self._folder)):
                subprocess.run(["umount", "-l", mount.split()[1]], check=True)
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        folder = self._folder
        # In a network namespace of its own: with --bridge=none a daemon removes the bridge docker0, which may be another's.
        line = ["unshare", "--net", "dockerd", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--pidfile", f"{folder}/pid",
                "-H", self.url, "--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"]  # fmt: skip
        with open(folder / "log", "ab") as log:
            self._process = subprocess.Popen(line, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                return docker.DockerClient(self.url, timeout=5, version="auto").close()
            except docker.errors.DockerException:
                time.sleep(0.1)
        pytest.fail(f"dockerd does not answer: {(folder / 'log').read_text()[-2000:]}")

    def crash(self) -> None:
        """SIGKILL the daemon; its containerd goes with it, the containers live on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        # Or the next daemon waits for a containerd of that number (as ``docker-engine.sh`` knows).
        (self._folder / "exec/containerd/containerd.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """End the daemon as an administrator does; it ends its containers first."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(60)

    def processes(self) -> list[int]:
        """The engine's processes that are still there, shims included."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if str(self._folder).encode() in path.read_bytes():
                    found.append(int(path.parent.name))
            except OSError:
                continue  # it ended while we looked
        return found

    def _copy_image(self) -> None:
        with contextlib.closing(engine()) as client:
            tags = [ensure_image(client)]
            known = {tag for image in client.images.list() for tag in image.tags}
        tags += [tag for tag in (DEFAULT_BASE, bootstrap_tag(DEFAULT_BASE)) if tag in known]  # which base it was made on names it
        with subprocess.Popen(["docker", "save", *tags], stdout=subprocess.PIPE) as save:
            subprocess.run(["docker", "-H", self.url, "load"], stdin=save.stdout, check=True, stdout=subprocess.DEVNULL)
        assert save.returncode == 0
