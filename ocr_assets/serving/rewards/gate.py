"""How many programs the server takes on, and who waits how long: whoever cannot be served soon is told so at once.

A request has programs; as many of all requests' programs as there are places are at work at one time. A request holds a lane
for each place at most, and lanes wait in one line, so that a request with one program passes the many of another.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, cast

R = TypeVar("R")
SMOOTHING = 0.05  # weight of the newest program in the average time


class Full(RuntimeError):
    """The server cannot begin soon enough. ``retry_s``: when to ask again."""

    def __init__(self, reason: str, retry_s: float) -> None:
        super().__init__(reason)
        self.retry_s = retry_s


class TooMany(ValueError):
    """One request has more programs than the server ever takes on at once."""


@dataclass
class Load:
    """What goes on: programs at work, programs taken on and not done (those at work included), and the average seconds of one."""

    running: int = 0
    taken: int = 0
    mean_s: float = 0.0


class Gate:
    """Runs the programs of requests on ``places`` threads.

    ``wait_s``: the longest that a request may wait until its first program starts; by what the programs before it are expected to
    take it is refused on arrival, and at the latest when that time is over. ``most``: programs taken on and not done.
    """

    def __init__(self, places: int, wait_s: float, most: int) -> None:
        self.places, self.wait_s, self.most = places, wait_s, most
        self.load = Load()
        self._free = asyncio.Semaphore(places)
        self._executor = ThreadPoolExecutor(places, thread_name_prefix="judging")

    async def run(self, jobs: Sequence[Callable[[], R]]) -> list[R]:
        """The results of ``jobs``, in order. Raises ``Full``, ``TooMany``, and what a job raises. Cancelled, it starts no more of
        them."""
        self._admit(len(jobs))
        self.load.taken += len(jobs)
        left = len(jobs)
        try:
            results: list[R] = []
            if len(jobs) == 1:
                results.append(await self._job(jobs[0], self.wait_s))
                return results
            found: dict[int, R] = {}
            waiting = iter(enumerate(jobs))

            async def lane(wait_s: float | None) -> None:
                nonlocal left
                for place, job in waiting:
                    found[place] = await self._job(job, wait_s)
                    wait_s = None  # what has begun is brought to its end
                    left -= 1
                    self.load.taken -= 1

            lanes = [asyncio.create_task(lane(None if number else self.wait_s)) for number in range(min(len(jobs), self.places))]
            try:
                await asyncio.gather(*lanes)
            finally:
                for task in lanes:
                    task.cancel()
            return [found[place] for place in range(len(jobs))]
        finally:
            self.load.taken -= left

    def close(self) -> None:
        """Wait for what is at work; start nothing more."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _admit(self, count: int) -> None:
        if count > self.most:
            raise TooMany(f"{count:,} programs in one request; send at most {self.most:,} at a time")
        expected_s = max(0, self.load.taken - self.places + 1) * self.load.mean_s / self.places
        if self.load.taken + count > self.most:
            raise Full(f"{self.load.taken:,} programs wait already", max(expected_s, 1.0))
        if expected_s > self.wait_s:
            raise Full(f"a program would have to wait about {expected_s:.0f} s", expected_s)

    async def _job(self, job: Callable[[], R], wait_s: float | None) -> R:
        try:
            async with asyncio.timeout(wait_s):
                await self._free.acquire()
        except TimeoutError as error:
            raise Full(f"no place was free for {wait_s:g} s", max(self.load.mean_s, 1.0)) from error
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[R] = loop.create_future()
        self.load.running += 1
        start = time.monotonic()

        def done(result: R | None, error: BaseException | None) -> None:
            """The place is free when the thread is, not when whoever asked has gone."""
            self.load.running -= 1
            self.load.mean_s += (time.monotonic() - start - self.load.mean_s) * (SMOOTHING if self.load.mean_s else 1.0)
            self._free.release()
            if waiting.cancelled():
                return
            if error is not None:
                waiting.set_exception(error)
            else:
                waiting.set_result(cast("R", result))

        def work() -> None:
            try:
                result = job()
            except BaseException as error:
                _tell(loop, partial(done, None, error))
            else:
                _tell(loop, partial(done, result, None))

        try:
            self._executor.submit(work)
        except RuntimeError as error:  # the server ends
            done(None, Full(str(error), 1.0))
        return await waiting


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits
        loop.call_soon_threadsafe(call)
