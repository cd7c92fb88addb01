"""What every pool shares: work side by side with a bounded number of items in flight (``Pool``); and what those share whose
workers are on this machine (``WorkerPool``): workers on loan one program at a time, some reserved for runs that must not be
disturbed, faults retried on fresh workers.

A pool makes its workers in ``_start`` (``docker_pool.py``, ``process.py``). The pool whose sandboxes are on other machines is
``ray_pool.py``.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, Self, TypeVar

from resources.sandbox.api import Outcome, Program, RunOutcome, Sandbox, SandboxFault, SandboxUnavailable
from resources.sandbox.connection import Connection

T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")
IN_FLIGHT = 4  # items a worker that are drawn and not done
HELD = 10_000  # results that are done and wait for an earlier one
RETRY_S = 0.5  # before the second attempt, twice that before the third …: what broke may be going down for some time
log = logging.getLogger(__name__)


@dataclass
class Worker:
    """A runner at work: its connection, how to end it, how many programs it has run, whether interactors have a place of their
    own beside it."""

    connection: Connection
    end: Callable[[], None]
    programs: int = 0
    paired: bool = False


class Pool(ABC):
    """An open pool of sandboxes (``api.Sandbox``) with what stages want to know of it.

    ``workers`` programs run at once, and ``reserved`` ones beside. ``image``: the image and its digest. ``faults``: sandboxes
    that broke.
    """

    image = ""
    isolation_level = ""
    online_judge = True
    workers: int
    reserved: int
    faults: int

    def __init__(self) -> None:
        self._executor: ThreadPoolExecutor | None = None

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(self, *exc: object) -> None: ...

    @abstractmethod
    def execute(
        self, program: Program, until: Callable[[int, RunOutcome], bool] | None = None, *, reserved: bool = False
    ) -> Outcome:
        """See ``api.Sandbox``."""

    def call(self, function: Callable[Concatenate[Sandbox, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """See ``api.Sandbox``."""
        return function(self, *args, **kwargs)

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """``completed``, results in the order of ``items``. Those behind a slow item are worked on and held until it is done, up
        to ``HELD`` of them."""
        held: dict[int, R] = {}
        wanted = 0
        full = lambda: len(held) >= HELD  # noqa: E731
        for number, result in self._completed(lambda work: (work[0], function(work[1])), enumerate(items), full):
            held[number] = result
            while wanted in held:
                yield held.pop(wanted)
                wanted += 1

    def completed(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """``function`` over ``items``, side by side, results as they come; at most four a worker are in flight."""
        return self._completed(function, items, lambda: False)

    def _completed(self, function: Callable[[T], R], items: Iterable[T], full: Callable[[], bool]) -> Iterator[R]:
        """``full``: nothing more is drawn while this says so."""
        if self._executor is None:
            raise RuntimeError("the sandbox is closed; use `with sandbox:`")
        waiting: set[Future[R]] = set()
        done: queue.SimpleQueue[Future[R]] = queue.SimpleQueue()

        def next_result() -> R:
            """Of all that wait, whichever is done first; what it costs does not grow with their number."""
            future = done.get()
            waiting.discard(future)
            return future.result()

        try:
            for item in items:
                future = self._executor.submit(function, item)
                waiting.add(future)
                future.add_done_callback(done.put)
                while len(waiting) >= IN_FLIGHT * self.workers or (waiting and full()):
                    yield next_result()
            while waiting:
                yield next_result()
        finally:
            for future in waiting:
                future.cancel()


class WorkerPool(Pool):
    """``with DockerSandbox(…) as sandbox: sandbox.execute(program)``; see ``api.Sandbox``.

    Beside its ``workers`` a pool has a quarter as many reserved ones (one at least), made when first needed. They run what is
    repeated because it came near a limit. Nobody waits for that but the thread that asked, and there are more threads than
    workers, so that all others stay busy meanwhile.
    """

    def __init__(self, workers: int | None = None, recycle_after: int = 1000, retries: int = 2) -> None:
        super().__init__()
        self.workers = workers or os.cpu_count() or 1
        self._recycle_after, self._retries = recycle_after, retries
        self.reserved = max(1, self.workers // 4)
        self._slots = _slots(self.workers, self.reserved)
        self._live: dict[int, Worker] = {}
        self._closed = False
        self._lock = threading.Lock()
        self.faults = 0

    @abstractmethod
    def _start(self, reserved: bool) -> Worker:
        """A fresh worker; a ``reserved`` one goes before the others where they want the same core. Raises ``SandboxUnavailable``,
        or ``ConnectionError`` / ``OSError`` for a passing fault."""

    def _pair(self, worker: Worker) -> None:
        """Give interactors a place of their own beside a worker, where that can be. Raises ``ConnectionError`` if it fails."""
        worker.paired = True

    def __enter__(self) -> Self:
        self._closed, self._slots = False, _slots(self.workers, self.reserved)
        self._executor = ThreadPoolExecutor(2 * self.workers + self.reserved, thread_name_prefix="sandbox")
        return self

    def __exit__(self, *exc: object) -> None:
        if exc and exc[0] is not None:
            self._end_all()  # nobody waits for what still runs
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
        self._end_all()

    def _end_all(self) -> None:
        with self._lock:
            self._closed = True
            live, self._live = list(self._live.values()), {}
        for worker in live:
            worker.end()

    def execute(
        self, program: Program, until: Callable[[int, RunOutcome], bool] | None = None, *, reserved: bool = False
    ) -> Outcome:
        """Run a program on a free worker; on a fault again on a fresh one."""
        slots = self._slots[reserved]
        problem: Exception | None = None
        for attempt in range(self._retries + 1):
            time.sleep(RETRY_S * attempt)
            worker = slots.get()
            try:
                if worker is None:
                    worker = self._begin(reserved)
                if program.interactor is not None and not worker.paired:
                    self._pair(worker)
                answer, runs = worker.connection.run(program, until)
            except (ConnectionError, OSError, KeyError, ValueError) as error:
                problem = error
                self.faults += 1
                log.warning("sandbox fault (attempt %d of %d): %s", attempt + 1, self._retries + 1, error)
                self._retire(worker)
                slots.put(None)
                continue
            except BaseException:
                self._retire(worker)
                slots.put(None)
                raise
            worker.programs += 1
            speed = worker.connection.host_speed
            if worker.programs >= self._recycle_after:
                self._retire(worker)
                slots.put(None)
            else:
                slots.put(worker)
            interactor = None if answer.get("interactor_compiled", True) else str(answer["interactor_message"])
            return Outcome(
                bool(answer["compiled"]), str(answer["message"]), runs, self.image, self.isolation_level, speed,
                bool(answer.get("diagnosed", True)), interactor,
            )  # fmt: skip
        raise SandboxFault(f"{self._retries + 1} sandboxes failed on this program, the last with: {problem}") from problem

    def times(self) -> dict[str, float]:
        """Seconds the runners at work have spent so far, by part of the work. Waits for programs in flight."""
        workers: list[Worker | None] = []
        for reserved, count in ((False, self.workers), (True, self.reserved)):
            taken = [self._slots[reserved].get() for _ in range(count)]
            for worker in reversed(taken):  # the one used last is used next
                self._slots[reserved].put(worker)
            workers += taken
        by_worker = [worker.connection.times() for worker in workers if worker is not None]
        return {
            name: sum(times.get(name, 0.0) for times in by_worker) for name in sorted({name for one in by_worker for name in one})
        }

    def _begin(self, reserved: bool) -> Worker:
        if not self._closed:
            worker = self._start(reserved)
            with self._lock:
                if not self._closed:
                    self._live[id(worker)] = worker
                    return worker
            worker.end()
        raise SandboxUnavailable("the sandbox is closed")

    def _retire(self, worker: Worker | None) -> None:
        if worker is not None:
            with self._lock:
                self._live.pop(id(worker), None)
            worker.end()


def _slots(workers: int, reserved: int) -> dict[bool, queue.LifoQueue[Worker | None]]:
    """Where free workers wait, by whether they are reserved. A slot without a worker gets one when first needed."""
    slots: dict[bool, queue.LifoQueue[Worker | None]] = {False: queue.LifoQueue(), True: queue.LifoQueue()}
    for kind, count in ((False, workers), (True, reserved)):
        for _ in range(count):
            slots[kind].put(None)
    return slots
