"""One machine of a Ray cluster as the driver has it: the actor there (``ray_node.py``) made, opened, served until it ends.

What is sent to which machine is decided in ``ray_pool.py``.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from resources.ray_cluster import code_digest
from resources.sandbox.api import SandboxUnavailable
from resources.sandbox.image_transfer import ImageMissing, archived
from resources.sandbox.images import engine
from resources.sandbox.ray_node import Call, SandboxNode

if TYPE_CHECKING:
    from resources.sandbox.ray_pool import RayPool

RESOURCE = "docker"  # of nodes that have sandboxes
TAKE_S = 5.0  # after which a machine answers although nothing is done
STEP_S = 0.5  # in which a thread that waits for a machine sees that the pool is closed, or the machine gone
TELL_S = 15.0  # of waiting for a machine before it is told
log = logging.getLogger(__name__)


@dataclass(eq=False)
class Waiting:
    """A call whose answer is waited for. ``lost``: machines that were lost with it."""

    sent: Call
    answer: Future[Any] = field(default_factory=Future)
    lost: int = 0


class Machine:
    """A machine at work, with the thread that serves it. ``window``: calls that are there at most, at work or next."""

    def __init__(self, pool: RayPool, ray: Any, node: str, host: str, cores: float, options: Mapping[str, Any]) -> None:
        self.pool, self.ray, self.node, self.host, self.cores, self.options = pool, ray, node, host, cores, options
        self.workers = int(options["workers"])
        self.window = 3 * self.workers + 1
        self.under_way: dict[int, Waiting] = {}
        self.to_send: list[Waiting] = []
        self.sending = False
        self.faults = 0
        self._sending = threading.Lock()
        self.ready = self.gone = False
        self.thread = threading.Thread(target=self._serve, name=f"machine-{host}", daemon=True)

    @property
    def room(self) -> int:
        """How many calls more it can be given."""
        return self.window - len(self.under_way) if self.ready and not self.gone else 0

    def give(self, calls: Sequence[Waiting]) -> None:
        """Send calls; while one thread sends, what others have to send gathers for its next turn. What does not arrive is noticed
        in ``_serve``, where the machine is lost."""
        with self._sending:
            self.to_send += calls
            if self.sending:
                return
            self.sending = True
        while True:
            with self._sending:
                together, self.to_send = self.to_send, []
                if not together:
                    self.sending = False
                    return
            with contextlib.suppress(self.ray.exceptions.RayError):
                self.actor.give.remote([call.sent for call in together])

    def _serve(self) -> None:
        """Open the sandboxes, then take what is done and give what waits, until the machine or the pool ends."""
        refused: SandboxUnavailable | None = None
        actor = self.ray.remote(SandboxNode).options(
            num_cpus=self.cores,
            resources={RESOURCE: 1},
            max_concurrency=4,
            max_restarts=0,
            scheduling_strategy=self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(self.node, soft=False),
        )
        try:
            self.actor = actor.remote(self.options, self.pool.image, online_judge=self.pool.online_judge)
            self._open()
            self.ready = True
            while True:
                self.pool.fill(self)
                self.pool.settle(self, self._answer(self.actor.take.remote(TAKE_S)))
        except SandboxUnavailable as error:
            log.warning("machine %s: %s", self.host, error)
            refused = SandboxUnavailable(f"machine {self.host}: {error}")
        except _Over:
            pass
        except self.ray.exceptions.RayError as error:
            said = str(error).strip()
            log.warning("machine %s: %s", self.host, said.partition("\n")[0])
            if not self.ready:
                refused = SandboxUnavailable(f"machine {self.host}: {said[-1000:]}")
        finally:
            self.ready = False
            self._end()
            self.pool.ended(self, refused)

    def _open(self) -> None:
        theirs = self._answer(self.actor.code.remote(), waiting=True)
        if theirs != code_digest():
            raise SandboxUnavailable(
                "its ocr-assets is not the one installed here: verdicts might differ; install the same version"
            )
        try:
            self.pool.isolation_level = self._answer(self.actor.open.remote())
        except ImageMissing:
            if not self.pool.sends_image:
                raise
            with self.pool.sending:
                log.warning("sending the sandbox image to machine %s, once", self.host)
                self._send_image()
            self.pool.isolation_level = self._answer(self.actor.open.remote())

    def _send_image(self) -> None:
        client = engine(timeout_s=600)
        try:
            for piece in itertools.chain(archived(client, self.pool.image), [b""]):
                self._answer(self.actor.receive.remote(piece))
        finally:
            client.close()

    def _answer(self, asked: Any, *, waiting: bool = False) -> Any:
        """What the actor answers. Raises ``_Over`` when the machine or the pool is at its end, else what the actor raised."""
        tell = time.monotonic() + TELL_S
        while not (self.pool.closed.is_set() or self.gone):
            try:
                return self.ray.get(asked, timeout=STEP_S)
            except self.ray.exceptions.GetTimeoutError:
                if waiting and time.monotonic() > tell:
                    tell = float("inf")
                    log.warning("waiting for machine %s: another driver may have its sandboxes", self.host)
        raise _Over

    def _end(self) -> None:
        """End the sandboxes, where they can still be reached; they end by themselves with the actor."""
        with contextlib.suppress(self.ray.exceptions.RayError, AttributeError):
            if not self.gone:
                self.ray.get(self.actor.close.remote(), timeout=60)
        with contextlib.suppress(self.ray.exceptions.RayError, AttributeError, ValueError):
            self.ray.kill(self.actor)


class _Over(Exception):
    """The machine or the pool is at its end."""
