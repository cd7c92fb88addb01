"""What every pool shares: workers on loan one program at a time, faults retried on fresh ones, bounded ``map``.

A pool makes its workers in ``_start`` (``docker_pool.py``, ``process.py``).
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass
from typing import TypeVar

from resources.sandbox.api import Outcome, Program, RunOutcome, SandboxFault, SandboxUnavailable
from resources.sandbox.connection import Connection

T = TypeVar("T")
R = TypeVar("R")
RETRY_S = 0.5  # before the second attempt, twice that before the third …: what broke may be going down for some time
log = logging.getLogger(__name__)


@dataclass
class Worker:
    """A runner at work: its connection, how to end it, how many programs it has run."""

    connection: Connection
    end: Callable[[], None]
    programs: int = 0


class Pool(ABC):
    """``with DockerSandbox(…) as sandbox: sandbox.execute(program)``; see ``api.Sandbox``."""

    image = ""
    isolation_level = ""

    def __init__(self, workers: int | None = None, recycle_after: int = 1000, retries: int = 2) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._recycle_after, self._retries = recycle_after, retries
        self._idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()  # a slot without a worker gets one when first needed
        self._alone = threading.Lock()
        self._live: dict[int, Worker] = {}
        self._closed = False
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        self.faults = 0

    @abstractmethod
    def _start(self) -> Worker:
        """A fresh worker. Raises ``SandboxUnavailable``, or ``ConnectionError`` / ``OSError`` for a passing fault."""

    def __enter__(self) -> Pool:
        self._closed, self._idle = False, queue.LifoQueue()
        for _ in range(self.workers):
            self._idle.put(None)
        self._executor = ThreadPoolExecutor(self.workers, thread_name_prefix="sandbox")
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
        self, program: Program, until: Callable[[int, RunOutcome], bool] | None = None, *, alone: bool = False
    ) -> Outcome:
        """Run a program on a free worker; on a fault again on a fresh one."""
        if not alone:
            return self._execute(program, until)
        with self._alone:  # all slots but one are held back until it is done
            held = [self._idle.get() for _ in range(self.workers - 1)]
            try:
                return self._execute(program, until)
            finally:
                for slot in held:
                    self._idle.put(slot)

    def _execute(self, program: Program, until: Callable[[int, RunOutcome], bool] | None) -> Outcome:
        problem: Exception | None = None
        for attempt in range(self._retries + 1):
            time.sleep(RETRY_S * attempt)
            worker = self._idle.get()
            try:
                if worker is None:
                    worker = self._begin()
                answer, runs = worker.connection.run(program, until)
            except (ConnectionError, OSError, KeyError, ValueError) as error:
                problem = error
                self.faults += 1
                log.warning("sandbox fault (attempt %d of %d): %s", attempt + 1, self._retries + 1, error)
                self._retire(worker)
                self._idle.put(None)
                continue
            except BaseException:
                self._retire(worker)
                self._idle.put(None)
                raise
            worker.programs += 1
            speed = worker.connection.host_speed
            if worker.programs >= self._recycle_after:
                self._retire(worker)
                self._idle.put(None)
            else:
                self._idle.put(worker)
            interactor = None if answer.get("interactor_compiled", True) else str(answer["interactor_message"])
            return Outcome(
                bool(answer["compiled"]), str(answer["message"]), runs, self.image, self.isolation_level, speed,
                bool(answer.get("diagnosed", True)), interactor,
            )  # fmt: skip
        raise SandboxFault(f"{self._retries + 1} sandboxes failed on this program, the last with: {problem}") from problem

    def times(self) -> dict[str, float]:
        """Seconds the runners at work have spent so far, by part of the work. Waits for programs in flight."""
        slots = [self._idle.get() for _ in range(self.workers)]
        found = [slot.connection.times() for slot in slots if slot is not None]
        for slot in reversed(slots):  # the one used last is used next
            self._idle.put(slot)
        return {name: sum(times.get(name, 0.0) for times in found) for name in sorted({name for one in found for name in one})}

    def _begin(self) -> Worker:
        if not self._closed:
            worker = self._start()
            with self._lock:
                if not self._closed:
                    self._live[id(worker)] = worker
                    return worker
            worker.end()
        raise SandboxUnavailable("the sandbox is closed")

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """``function`` over ``items``, ``workers`` at once, results in order; at most four a worker are in flight."""
        if self._executor is None:
            raise RuntimeError("the sandbox is closed; use `with sandbox:`")
        waiting: deque[Future[R]] = deque()
        try:
            for item in items:
                waiting.append(self._executor.submit(function, item))
                if len(waiting) >= 4 * self.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def completed(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """``function`` over ``items``, ``workers`` at once, results as they come; at most four a worker are in flight."""
        if self._executor is None:
            raise RuntimeError("the sandbox is closed; use `with sandbox:`")
        waiting: set[Future[R]] = set()
        try:
            for item in items:
                waiting.add(self._executor.submit(function, item))
                if len(waiting) >= 4 * self.workers:
                    ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in ready)
            yield from (future.result() for future in as_completed(waiting))
        finally:
            for future in waiting:
                future.cancel()

    def _retire(self, worker: Worker | None) -> None:
        if worker is not None:
            with self._lock:
                self._live.pop(id(worker), None)
            worker.end()
