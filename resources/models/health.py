"""Which endpoint may be asked now and how much at once: adaptive concurrency, Retry-After, health, circuit breaker.

All endpoints share one number of places. Each has a limit of its own that halves when the server is overloaded and grows by a
constant a round of answers (additive up, multiplicative down, as TCP does: Chiu & Jain 1989); within the limits a place goes
where its request is likely to be answered first. So what a slow, small or dead server does not take, the others get. An
endpoint that fails several times in a row is left alone for a growing while; then one request probes it. Endpoints may join and
leave meanwhile. No network here: the caller reports what happened.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

TRIP_AFTER = 5  # failures in a row
FIRST_REST_S, LONGEST_REST_S = 2.0, 60.0
ROUNDS_TO_CEILING = 20  # how soon a limit that was cut to nothing is back
PACE_WEIGHT = 0.1  # of the latest answer in the running mean of seconds an answer takes


@dataclass
class Endpoint:
    """One server. ``limit`` moves between 1 and ``ceiling``; ``denied`` says why it will not be asked again; ``pace``: seconds
    an answer takes of late; ``left``: it is given nothing new, what it was asked may still be answered."""

    url: str
    ceiling: int
    limit: float = field(init=False)
    in_flight: int = 0
    answered: int = 0
    pace: float | None = None
    errors: Counter[str] = field(default_factory=Counter)
    tripped: bool = False
    denied: str | None = None
    left: bool = False
    not_before: float = 0.0
    _failed_in_row: int = 0
    _trips: int = 0
    _cut_at: float = 0.0
    _tripped_at: float = 0.0

    def __post_init__(self) -> None:
        self.limit = float(self.ceiling)

    def room(self, now: float) -> int:
        """How many more requests it may be given at once."""
        if self.left or self.denied is not None or now < self.not_before:
            return 0
        return (1 if self.tripped else int(self.limit)) - self.in_flight

    def succeeded(self, seconds: float) -> None:
        """It answered in so many seconds."""
        self.answered += 1
        self.pace = seconds if self.pace is None else self.pace + PACE_WEIGHT * (seconds - self.pace)
        self._alive()
        if self.in_flight >= int(self.limit):  # a limit that is not reached has not been tried
            self.limit = min(self.ceiling, self.limit + max(1.0, self.ceiling / ROUNDS_TO_CEILING) / self.limit)

    def refused(self) -> None:
        """It refused this one request for good, which says that it works."""
        self._alive()

    def overloaded(self, kind: str, began: float, retry_after: float) -> None:
        """It asks for less (429, or 503 with Retry-After); ``began``: when the request was sent."""
        self.errors[kind] += 1
        self._alive()
        self._cut(began)
        self.not_before = max(self.not_before, time.monotonic() + retry_after)

    def failed(self, kind: str, began: float) -> None:
        """It did not answer, or nothing that can be read."""
        self.errors[kind] += 1
        self._cut(began)
        self._failed_in_row += 1
        # What was under way when it tripped fails with it; that is not a second trip.
        if self._failed_in_row >= TRIP_AFTER and began >= self._tripped_at:
            self.tripped, self._tripped_at = True, time.monotonic()
            rest = min(LONGEST_REST_S, FIRST_REST_S * 2**self._trips) * random.uniform(0.8, 1.2)
            self._trips += 1
            self.not_before = max(self.not_before, self._tripped_at + rest)

    def _alive(self) -> None:
        self._failed_in_row = self._trips = 0
        self.tripped = False

    def _cut(self, began: float) -> None:
        # Once a round: requests sent before the last cut tell nothing about the limit after it.
        if began >= self._cut_at:
            self.limit = max(1.0, min(self.limit, self.in_flight) / 2)
            self._cut_at = time.monotonic()


class Endpoints:
    """Hands out ``concurrency`` places, at most ``each`` an endpoint, in the order they were asked for, as endpoints have room.
    Used from one event loop."""

    def __init__(self, urls: Sequence[str], concurrency: int, each: int | None = None) -> None:
        self.all: list[Endpoint] = []
        self._concurrency, self._each = concurrency, min(each or concurrency, concurrency)
        self._answered_by_gone = 0
        self.listed_since = self.last_sign_of_life = time.monotonic()  # listed_since: when there was last none before
        self._waiting: deque[asyncio.Future[Endpoint]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self.replace(urls)

    def replace(self, urls: Sequence[str]) -> list[Endpoint]:
        """From now on these are to be asked, and no others; returns those that have left by it. One that comes back while it owes
        answers is the same as before, else it begins anew."""
        if urls and not self.listed:
            self.listed_since = self.last_sign_of_life = time.monotonic()
        known = {endpoint.url for endpoint in self.all}
        leaving = [endpoint for endpoint in self.listed if endpoint.url not in urls]
        for endpoint in self.all:
            endpoint.left = endpoint.url not in urls
        self.all += [Endpoint(url, self._each) for url in urls if url not in known]
        self._forget()
        self._hand_out()
        return leaving

    @property
    def listed(self) -> list[Endpoint]:
        """Those that have not left."""
        return [endpoint for endpoint in self.all if not endpoint.left]

    @property
    def waiting(self) -> int:
        """How many requests have no endpoint now."""
        return sum(not future.done() for future in self._waiting)

    async def acquire(self) -> Endpoint:
        """An endpoint with room, its place taken; waits for one. Give it back with ``release``."""
        if not self._waiting and (endpoint := self._free()):
            endpoint.in_flight += 1
            return endpoint
        future: asyncio.Future[Endpoint] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._hand_out()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.release(future.result())
            raise

    def release(self, endpoint: Endpoint) -> None:
        """The place is free."""
        endpoint.in_flight -= 1
        if endpoint.left:
            self._forget()
        self._hand_out()

    @property
    def answered(self) -> int:
        return self._answered_by_gone + sum(endpoint.answered for endpoint in self.all)

    @property
    def down(self) -> bool:
        """Whether there are some, and none works at the moment."""
        listed = self.listed
        return bool(listed) and all(endpoint.tripped or endpoint.denied is not None for endpoint in listed)

    def _forget(self) -> None:
        for endpoint in [endpoint for endpoint in self.all if endpoint.left and not endpoint.in_flight]:
            self._answered_by_gone += endpoint.answered
            self.all.remove(endpoint)

    def _free(self) -> Endpoint | None:
        if sum(endpoint.in_flight for endpoint in self.all) >= self._concurrency:
            return None
        now = time.monotonic()
        able = [endpoint for endpoint in self.all if endpoint.room(now) > 0]
        # One that has not answered yet counts as the fastest, so at first all get the same.
        fastest = min((endpoint.pace for endpoint in self.all if endpoint.pace is not None), default=1.0)

        def load(endpoint: Endpoint) -> float:
            # Never none at all: how fast it is now would not be known.
            return endpoint.in_flight and (endpoint.in_flight + 1) * (endpoint.pace or fastest)

        return min(able, key=load, default=None)

    def _hand_out(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting and (endpoint := self._free()):
            future = self._waiting.popleft()
            if not future.done():
                endpoint.in_flight += 1
                future.set_result(endpoint)
        if self._waiting:
            now = time.monotonic()
            moments = [e.not_before for e in self.listed if e.denied is None and e.not_before > now]
            if moments:
                self._timer = asyncio.get_running_loop().call_later(min(moments) - now + 0.001, self._hand_out)
