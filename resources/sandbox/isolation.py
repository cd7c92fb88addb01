"""How well an engine can lock a container in: its facts, our seccomp profile, and the name of the level they give.

Starting containers is ``docker_pool.py``; what is locked inside a container is the runner's matter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resources.sandbox.api import SandboxUnavailable
from resources.sandbox.images import CONTEXT

# System calls a container may make, for all its processes (the runner's own included); the rest fail.
PROFILE = CONTEXT / "seccomp.json"
ONE_KERNEL = ("runc", "io.containerd.runc.v2", "crun", "youki")  # runtimes whose containers are processes of the host


@dataclass(frozen=True)
class Isolation:
    """What an engine offers. ``level``: its name in verdict rows, see ``isolation``. ``security_opt``: for the container.
    ``first_uids``: where the users of a container's runs may begin, 1000 of them each. ``pairs``: two containers can hand each
    other descriptors, since one kernel serves both."""

    level: str
    security_opt: Sequence[str]
    first_uids: range
    pairs: bool = True

    def level_of(self, *, filtered: bool) -> str:
        """The level of a container whose runner found a filter of system calls on itself, or none."""
        return self.level if filtered else "+".join(part for part in self.level.split("+") if not part.startswith("seccomp"))


def isolation(info: Mapping[str, Any], runtime: str | None) -> Isolation:
    """What to ask of an engine, and what it amounts to.

    ``info``: the engine's answer to ``docker info``. The level is ``docker``, the runtime where one is asked for, ``uid``
    (each run a user of its own), ``seccomp:`` with the first hex digits of the profile's hash, ``rootless`` or ``userns``,
    and what is missing: ``no-memory-limit``, ``no-pids-limit`` (a rootless engine without cgroup v2, say).

    Raises ``SandboxUnavailable`` where the engine does not know ``runtime``.
    """
    known = sorted(info.get("Runtimes") or {})
    # Newer engines also take the name of a containerd shim or the path of one, which they do not list.
    if runtime is not None and runtime not in known and not runtime.startswith(("io.containerd.", "/")):
        raise SandboxUnavailable(
            f"OCR_SANDBOX_RUNTIME={runtime}: the Docker engine knows only {', '.join(known)}; install {runtime}, name it under "
            '"runtimes" in /etc/docker/daemon.json (gVisor: `sudo runsc install`), restart the engine, or unset the variable'
        )
    options = {name for option in info.get("SecurityOptions") or [] for name in option.split(",") if name.startswith("name=")}
    parts, security_opt = ["docker", *([runtime] if runtime else []), "uid"], ["no-new-privileges"]
    if "name=seccomp" in options:
        profile = json.dumps(json.loads(PROFILE.read_text("utf-8")))
        parts.append(f"seccomp:{hashlib.sha256(profile.encode()).hexdigest()[:8]}")
        security_opt.append(f"seccomp={profile}")
    mapped = [name for name in ("rootless", "userns") if f"name={name}" in options]
    parts += mapped
    parts += [
        f"no-{name}" for name, key in (("memory-limit", "MemoryLimit"), ("pids-limit", "PidsLimit")) if info.get(key) is False
    ]
    # An engine that maps users has 65,536 of them. Else a range far from the host's users, likely a container's alone: the
    # kernel counts processes per user over all containers.
    first_uids = range(1_000, 64_000, 1_000) if mapped else range(1_000_000, 2_000_000_000, 1_000)
    pairs = (runtime or str(info.get("DefaultRuntime", "runc"))).rpartition("/")[2] in ONE_KERNEL
    return Isolation("+".join(parts), security_opt, first_uids, pairs)
