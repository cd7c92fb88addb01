"""Containers know their owner by a label, so that what a dead one has left can be told from what a live one uses.

A container ends by itself when its owner does (its stdin closes). What remains are those that were made and never started,
and those of an engine that crashed at the same time.
"""

from __future__ import annotations

import logging
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound

LABEL = "ocr-assets.owner"
FOREIGN_AGE_S = 600.0
log = logging.getLogger(__name__)


def owner() -> str:
    """The label of this process's containers: boot, PID namespace, process and its start time."""
    return f"{_boot_id()}:{_pid_namespace()}:{os.getpid()}:{_start_time(os.getpid())}"


def reap(client: docker.DockerClient, foreign_age_s: float = FOREIGN_AGE_S) -> int:
    """Remove containers whose owner is gone; returns how many.

    An owner on another machine, in another PID namespace or before a reboot cannot be asked; its containers go if they do not
    run and are ``foreign_age_s`` seconds old.
    """
    removed = 0
    for container in client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
        if _abandoned(container, foreign_age_s):
            removed += remove(container)
    return removed


def remove(container: Any) -> bool:
    """Kill and remove a container. False: the engine cannot do it now."""
    try:
        container.remove(force=True)
    except NotFound:
        pass
    except (APIError, DockerException, OSError) as error:
        if getattr(error, "status_code", None) == 409:  # its removal is already under way
            return True
        log.warning("container %s could not be removed: %s", container.name, error)
        return False
    return True


def _abandoned(container: Any, foreign_age_s: float) -> bool:
    boot, namespace, pid, started = [*str(container.labels[LABEL]).split(":"), "", "", ""][:4]
    if (boot, namespace) == (_boot_id(), _pid_namespace()) and pid.isdigit():
        return _start_time(int(pid)) != started
    created = datetime.fromisoformat(str(container.attrs["Created"])[:19] + "+00:00").timestamp()
    return container.status != "running" and time.time() - created >= foreign_age_s


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _pid_namespace() -> str:
    return os.readlink("/proc/self/ns/pid").removeprefix("pid:")


def _start_time(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
