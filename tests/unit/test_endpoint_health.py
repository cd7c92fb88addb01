"""Who is asked, and how much at once: properties of the limits, without a network."""

import asyncio
import itertools
import time
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.models import health
from resources.models.health import TRIP_AFTER, Endpoint, Endpoints

EVENTS = st.lists(st.sampled_from(["acquire", "success", "refused", "overloaded", "failed"]), max_size=80)


@settings(deadline=None)
@given(EVENTS, st.integers(1, 64))
def test_the_limit_stays_between_one_and_its_ceiling(events: list[str], ceiling: int) -> None:
    endpoint = Endpoint("x", ceiling)
    for event in events:
        if event == "acquire":
            if endpoint.room(time.monotonic()) > 0:
                endpoint.in_flight += 1
        elif endpoint.in_flight:
            endpoint.in_flight -= 1
            began = time.monotonic()
            match event:
                case "success":
                    endpoint.succeeded(1.0)
                case "refused":
                    endpoint.refused()
                case "overloaded":
                    endpoint.overloaded("rate_limited", began, 0.0)
                case "failed":
                    endpoint.failed("timeout", began)
        assert 1 <= endpoint.limit <= ceiling
        assert 0 <= endpoint.in_flight <= ceiling


def test_down_by_half_once_a_round_and_up_by_steps() -> None:
    endpoint = Endpoint("x", 64)
    endpoint.in_flight = 64
    sent = time.monotonic()
    for _ in range(20):  # all of one round are turned away
        endpoint.overloaded("rate_limited", sent, 0.0)
    assert endpoint.limit == 32
    endpoint.in_flight = 32
    endpoint.overloaded("rate_limited", time.monotonic(), 0.0)
    assert endpoint.limit == 16
    limits = []
    for _ in range(16):
        endpoint.succeeded(1.0)
        limits.append(endpoint.limit)
    assert limits == sorted(limits) and 18 < limits[-1] < 21  # a round of answers adds a twentieth of the ceiling
    for _ in range(2000):
        endpoint.succeeded(1.0)
    assert 32 < endpoint.limit < 34, "a limit that is not reached has not been tried, and stays"
    endpoint.in_flight = 64
    for _ in range(2000):
        endpoint.succeeded(1.0)
    assert endpoint.limit == 64


def test_retry_after_holds_back_the_endpoint() -> None:
    endpoint = Endpoint("x", 8)
    endpoint.overloaded("rate_limited", time.monotonic(), 100.0)
    assert endpoint.room(time.monotonic() + 99) == 0
    assert endpoint.room(time.monotonic() + 101) > 0
    endpoint.overloaded("rate_limited", time.monotonic(), 1.0)  # a shorter wait does not undo a longer one
    assert endpoint.room(time.monotonic() + 99) == 0


def test_the_breaker_opens_rests_longer_each_time_and_lets_one_through() -> None:
    endpoint = Endpoint("x", 8)
    rests = []
    for failures in (TRIP_AFTER, 1, 1, 1):  # after the first time, one probe tells
        for _ in range(failures):
            assert not endpoint.tripped or failures == 1
            endpoint.failed("connection", time.monotonic())
        assert endpoint.tripped
        now = time.monotonic()
        rests.append(endpoint.not_before - now)
        assert endpoint.room(now) == 0
        assert endpoint.room(endpoint.not_before + 0.001) == 1
    assert all(later > earlier * 1.2 for earlier, later in itertools.pairwise(rests))
    endpoint.succeeded(1.0)
    assert not endpoint.tripped and endpoint._trips == 0


def test_what_was_under_way_when_it_tripped_is_no_second_trip() -> None:
    endpoint = Endpoint("x", 64)
    sent = time.monotonic()
    for _ in range(64):
        endpoint.failed("connection", sent)
    assert endpoint._trips == 1


def test_faults_between_answers_do_not_open_it() -> None:
    endpoint = Endpoint("x", 8)
    for _ in range(100):
        for _ in range(TRIP_AFTER - 1):
            endpoint.failed("malformed", time.monotonic())
        endpoint.succeeded(1.0)
    assert not endpoint.tripped


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(1, 12), st.integers(0, 40), st.randoms(use_true_random=False))
def test_no_place_is_lost_or_given_twice_whoever_gives_up(urls: int, concurrency: int, count: int, chance) -> None:
    async def main() -> None:
        endpoints = Endpoints([f"u{n}" for n in range(urls)], concurrency)
        done = 0

        async def work() -> None:
            nonlocal done
            endpoint = await endpoints.acquire()
            try:
                assert sum(other.in_flight for other in endpoints.all) <= concurrency
                for _ in range(chance.randrange(3)):
                    await asyncio.sleep(0)
                done += 1
            finally:
                endpoints.release(endpoint)

        tasks = [asyncio.create_task(work()) for _ in range(count)]
        for task in chance.sample(tasks, count // 3):
            await asyncio.sleep(0)
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(end is None or isinstance(end, asyncio.CancelledError) for end in ended)
        assert done == ended.count(None)
        assert [endpoint.in_flight for endpoint in endpoints.all] == [0] * urls

    asyncio.run(asyncio.wait_for(main(), 30))


async def taken(endpoints: Endpoints) -> Counter[str]:
    """Take every place there is; how many each endpoint gives."""
    found: Counter[str] = Counter()
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(0):
                found[(await endpoints.acquire()).url] += 1
    return found


def held(endpoints: Endpoints) -> dict[str, int]:
    return {endpoint.url: endpoint.in_flight for endpoint in endpoints.all}


def test_at_first_all_get_the_same_and_a_dead_one_leaves_its_places_to_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "FIRST_REST_S", 60.0)

    async def main() -> None:
        endpoints = Endpoints(["good", "dead"], 12)
        dead = endpoints.all[1]
        assert await taken(endpoints) == {"good": 6, "dead": 6}
        for _ in range(6):
            dead.failed("connection", time.monotonic())
            endpoints.release(dead)
        assert dead.tripped and await taken(endpoints) == {"good": 6}
        assert held(endpoints) == {"good": 12, "dead": 0} and not endpoints.down
        dead.denied = "wrong key"
        assert [endpoint.room(time.monotonic() + 1e6) for endpoint in endpoints.all] == [0, 0]

    asyncio.run(main())


def test_what_an_overloaded_one_gives_up_the_other_gets() -> None:
    async def main() -> None:
        endpoints = Endpoints(["big", "small"], 16)
        small = endpoints.all[1]
        await taken(endpoints)
        sent = time.monotonic()
        for _ in range(8):  # all at the small one are turned away, in one round
            small.overloaded("rate_limited", sent, 0.0)
            endpoints.release(small)
        assert await taken(endpoints) == {"big": 4, "small": 4} and held(endpoints) == {"big": 12, "small": 4}

    asyncio.run(main())


def test_places_go_where_answers_come_sooner_and_no_one_is_forgotten() -> None:
    async def main() -> None:
        endpoints = Endpoints(["fast", "slow"], 20)
        fast, slow = endpoints.all
        await taken(endpoints)
        for _ in range(10):
            for endpoint, seconds in ((fast, 1.0), (slow, 4.0)):
                endpoint.succeeded(seconds)
                endpoints.release(endpoint)
        assert await taken(endpoints) == {"fast": 16, "slow": 4}
        for _ in range(4):
            slow.succeeded(10_000.0)
            endpoints.release(slow)
        assert await taken(endpoints) == {"fast": 3, "slow": 1}
        for _ in range(100):  # it has recovered: by its one place this is found out
            slow.succeeded(1.0)
            endpoints.release(slow)
            await taken(endpoints)
            fast.succeeded(1.0)
            endpoints.release(fast)
            await taken(endpoints)
        assert held(endpoints) == {"fast": 10, "slow": 10}

    asyncio.run(main())
