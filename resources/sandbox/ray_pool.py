"""Sandboxes on all machines of a Ray cluster that have a Docker engine: ``OCR_SANDBOX=ray``.

On each machine (a Ray node with the resource ``docker``) one actor (``ray_node.py``) holds all cores, so that measured times keep
their meaning, and an ordinary pool. Whoever works with the pool does so in threads of this process, the driver: ``call`` sends
what is to be run to a machine that has room, waits, and returns what came out. Journals and commits stay here.

Machines come and go while the pool is open. What was under way on one that is lost is sent to another one: a call may run twice,
and only one answer counts. Ray restarts no actor: one that began anew would have forgotten its calls, so a new one is made.
"""

from __future__ import annotations

import itertools
import logging
import pickle
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from resources.ray_cluster import START, ClusterUnavailable, connected
from resources.sandbox.api import Outcome, Program, RunOutcome, Sandbox, SandboxFault, SandboxUnavailable
from resources.sandbox.image_transfer import ImageMissing, image_for, named
from resources.sandbox.images import DEFAULT_BASE, engine, engine_answers
from resources.sandbox.pool import Pool
from resources.sandbox.ray_machine import RESOURCE, Machine, Waiting
from resources.sandbox.ray_node import HELD, Call, Shared, Taken

R = TypeVar("R")
P = ParamSpec("P")
POLL_S = 2.0  # between two looks at which machines there are
AGAIN_S = 30.0  # before a machine that cannot be used is asked again
LOST_MOST = 4  # machines that a call may lose; the next one is taken for its doing
BY_REFERENCE = 64 * 1024  # bytes from which an argument goes into Ray's store, and from there to a machine once
THREADS = 1 << 14  # at most so many calls are waited for
PLAIN = (str, bytes, int, float, type(None))
log = logging.getLogger(__name__)


class RayPool(Pool):
    """A pool over the cluster at ``address``. ``options``: of each machine's ``DockerSandbox``, where ``workers`` of 0 means its
    cores. ``image`` (``tag@id``): the one that all use; null: this machine's, built if needed, or its ``extended`` one.
    ``wait_s``: how long the pool waits while the cluster has no machine with sandboxes.

    Entering raises ``SandboxUnavailable`` where there is no cluster, no machine with an engine or no image.
    """

    def __init__(
        self,
        address: str = "auto",
        options: Mapping[str, Any] | None = None,
        image: str | None = None,
        extended: str | None = None,
        wait_s: float = 120,
    ) -> None:
        super().__init__()
        self._address, self._options = address, dict(options or {})
        self._wanted, self._extended, self._wait_s = image, extended, wait_s
        self._machine_workers = int(self._options.pop("workers", 0) or 0)
        self.workers = self.reserved = 1

    def __enter__(self) -> Self:
        try:
            self._ray = connected(self._address)
        except ClusterUnavailable as error:
            raise SandboxUnavailable(str(error)) from error
        nodes = self._nodes()
        if not nodes:
            raise SandboxUnavailable(f"no machine of the Ray cluster has sandboxes: start Ray on one with an engine by `{START}`")
        self.image, self.sends_image = self._image()
        self._lock, self._sharing = threading.Lock(), threading.Lock()
        self._numbers, self._pending = itertools.count(), deque[Waiting]()
        self._shared: OrderedDict[int, tuple[Shared, object, Any]] = OrderedDict()
        self._machines: dict[str, Machine] = {}
        self._refused: dict[str, tuple[float, SandboxUnavailable]] = {}
        self._faults_of_ended = 0
        self._broken: SandboxUnavailable | None = None
        self.closed = threading.Event()
        self.sending = threading.Semaphore(2)  # archives of the image at a time
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="call")
        self._take_on(nodes)
        self._watcher = threading.Thread(target=self._watch, name="ray-machines", daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if exc and exc[0] is not None:
            self._give_up(SandboxUnavailable("the sandbox is closed"))  # nobody waits for what still runs
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
        self.closed.set()
        self._give_up(SandboxUnavailable("the sandbox is closed"))
        self._watcher.join()
        with self._lock:
            machines = list(self._machines.values())
        for machine in machines:
            machine.thread.join()

    @property
    def faults(self) -> int:  # type: ignore[override]
        """Sandboxes that broke on any machine, and machines that were lost at work."""
        with self._lock:
            return self._faults_of_ended + sum(machine.faults for machine in self._machines.values())

    def call(self, function: Callable[Concatenate[Sandbox, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """See ``api.Sandbox``. Arguments that are the same object as in another call are sent to a machine once.

        Raises ``SandboxFault`` when several machines were lost with the call, ``SandboxUnavailable`` when there are none.
        """
        shared: dict[int, Any] = {}
        arguments = [one if isinstance(one, PLAIN) else self._share(one, shared) for one in args]
        call = Waiting(Call(next(self._numbers), pickle.dumps((function, arguments, kwargs), pickle.HIGHEST_PROTOCOL), shared))
        self._send(call)
        answer: R = call.answer.result()
        return answer

    def execute(
        self, program: Program, until: Callable[[int, RunOutcome], bool] | None = None, *, reserved: bool = False
    ) -> Outcome:
        """See ``api.Sandbox``. ``until`` is asked here, when the program has run: all runs happen, and outputs travel. What looks
        at runs should be run by ``call``."""
        outcome = self.call(_executed, program, reserved=reserved)
        if until is not None:
            for place, run in enumerate(outcome.runs):
                if until(place, run):
                    return Outcome(**{**vars(outcome), "runs": outcome.runs[: place + 1]})
        return outcome

    def _image(self) -> tuple[str, bool]:
        """The image that all machines use, and whether this one can send it to those that have none."""
        if engine_answers():
            client = engine()
            try:
                return named(
                    client, image_for(client, self._options.get("base", DEFAULT_BASE), self._extended, self._wanted)
                ), True
            except ImageMissing:
                return str(self._wanted), False
            finally:
                client.close()
        if self._extended is not None:
            raise SandboxUnavailable(f"these programs need the image for {self._extended}: run this on a machine with an engine")
        if self._wanted is None or "@" not in self._wanted:
            raise SandboxUnavailable(
                "this machine has no Docker engine, so OCR_SANDBOX_IMAGE has to name the image that all machines use, "
                "as `ocr-assets sandbox load` or `pull` says it there (repository:tag@sha256:…)"
            )
        return self._wanted, False

    def _share(self, value: object, shared: dict[int, Any]) -> Shared:
        """What stands for an argument; it is added to ``shared``."""
        with self._sharing:
            known = self._shared.get(id(value))
            if known is None:
                data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
                stand_in = Shared(next(self._numbers))
                # Kept together with the value: no other one can have its identity meanwhile.
                known = self._shared[id(value)] = stand_in, value, data if len(data) < BY_REFERENCE else self._ray.put(data)
                while len(self._shared) > HELD:
                    self._shared.popitem(last=False)
            self._shared.move_to_end(id(value))
        shared[known[0].key] = known[2]
        return known[0]

    def _send(self, call: Waiting) -> None:
        with self._lock:
            if self._broken is not None:
                raise self._broken
            free = [machine for machine in self._machines.values() if machine.room > 0]
            machine = max(free, key=lambda machine: machine.room / machine.window, default=None)
            if machine is None:
                self._pending.append(call)
                return
            machine.under_way[call.sent.number] = call
        machine.give([call])

    def fill(self, machine: Machine) -> None:
        """Give a machine what waits, as far as it has room."""
        with self._lock:
            calls = [self._pending.popleft() for _ in range(min(machine.room, len(self._pending)))]
            machine.under_way |= {call.sent.number: call for call in calls}
        if calls:
            machine.give(calls)

    def settle(self, machine: Machine, taken: Taken) -> None:
        """Answer the calls that a machine has done. Raises ``SandboxUnavailable`` where the machine has no sandboxes any more."""
        gone: SandboxUnavailable | None = None
        machine.faults = taken.faults
        for number, payload in taken.done:
            returned, value = pickle.loads(payload)
            if isinstance(value, SandboxUnavailable) and not returned:
                gone = value  # this call and all others of the machine go to another one
                continue
            with self._lock:
                call = machine.under_way.pop(number, None)
            if call is None:
                continue  # given up
            if returned:
                call.answer.set_result(value)
            else:
                call.answer.set_exception(value)
        if gone is not None:
            raise gone

    def ended(self, machine: Machine, refused: SandboxUnavailable | None) -> None:
        """A machine is at its end; what was under way there waits again, before all else."""
        with self._lock:
            self._machines.pop(machine.node, None)
            self._faults_of_ended += machine.faults
            if refused is not None:
                self._refused[machine.node] = time.monotonic(), refused
            lost = list(machine.under_way.values())
            machine.under_way.clear()
            if lost and not self.closed.is_set():
                self._faults_of_ended += 1
                log.warning("machine %s is lost with %d calls; others do them", machine.host, len(lost))
            for call in reversed(lost):
                call.lost += 1
                if self._broken is not None:
                    call.answer.set_exception(self._broken)
                elif call.lost > LOST_MOST:
                    call.answer.set_exception(
                        SandboxFault(f"{call.lost} machines were lost that ran this, the last {machine.host}")
                    )
                else:
                    self._pending.appendleft(call)
            others = list(self._machines.values())
            self._count()
        for other in others:
            self.fill(other)

    def _give_up(self, error: SandboxUnavailable) -> None:
        """Every call that waits, or comes, raises ``error``."""
        with self._lock:
            self._broken = self._broken or error
            calls = [*self._pending, *(call for machine in self._machines.values() for call in machine.under_way.values())]
            self._pending.clear()
            for machine in self._machines.values():
                machine.under_way.clear()
        for call in calls:
            call.answer.set_exception(error)

    def _watch(self) -> None:
        try:
            self._look_after_machines()
        except Exception as error:
            self._give_up(SandboxUnavailable(f"the Ray cluster does not answer: {error}"))
            raise

    def _look_after_machines(self) -> None:
        """Take on machines that come, let go those that went, and give up when none can be had."""
        last_seen = time.monotonic()
        while not self.closed.wait(POLL_S):
            nodes = self._nodes()
            with self._lock:
                for name, machine in self._machines.items():
                    machine.gone = machine.gone or name not in nodes
                refused = {name: error for name, (_, error) in self._refused.items() if name in nodes}
                working = bool(self._machines)
            self._take_on(nodes)
            if nodes:
                last_seen = time.monotonic()
            if nodes and refused.keys() == nodes.keys() and not working:
                self._give_up(next(iter(refused.values())))
            elif time.monotonic() - last_seen > self._wait_s:
                self._give_up(SandboxUnavailable(f"for {self._wait_s:g} s no machine of the Ray cluster had sandboxes"))

    def _take_on(self, nodes: Mapping[str, Mapping[str, Any]]) -> None:
        now = time.monotonic()
        with self._lock:
            for name, node in nodes.items():
                if name not in self._machines and now - self._refused.get(name, (-AGAIN_S,))[0] >= AGAIN_S:
                    cores = float(node["Resources"].get("CPU", 0.0))
                    workers = self._machine_workers or max(1, int(cores))
                    options = {**self._options, "workers": workers}
                    self._machines[name] = machine = Machine(
                        self, self._ray, name, str(node["NodeManagerHostname"]), cores, options
                    )
                    machine.thread.start()
            self._count()

    def _count(self) -> None:
        self.workers = max(1, sum(machine.workers for machine in self._machines.values()))
        self.reserved = max(1, self.workers // 4)

    def _nodes(self) -> dict[str, Mapping[str, Any]]:
        """The machines that are there and have sandboxes, by Ray's id of the node."""
        nodes = self._ray.nodes()
        return {node["NodeID"]: node for node in nodes if node["Alive"] and node["Resources"].get(RESOURCE, 0) >= 1}


def _executed(sandbox: Sandbox, program: Program, *, reserved: bool) -> Outcome:
    return sandbox.execute(program, reserved=reserved)


__all__ = ["RESOURCE", "RayPool"]
