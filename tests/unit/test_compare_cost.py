"""What a comparison costs on outputs that were written to be costly. Work is counted in Python's own function calls and in the
comparison's steps, never by the clock; memory as allocated by this comparison."""

import gc
import random
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_assets.grading import cost, pairing
from ocr_assets.grading.cost import Budget, TooCostly
from ocr_assets.grading.outputs import compare_output
from ocr_assets.grading.results import decode
from ocr_assets.grading.runs import grade_run, prepare
from ocr_assets.grading.tolerance import DEFAULT, tokens_equal
from ocr_assets.grading.values import compare_value
from ocr_assets.programs.suites import NO_LIMITS
from resources.sandbox.api import RunOutcome

PRIME = 2**61 - 1  # Python's hash of an integer is its rest by this


def calls(work: Callable[[], Any]) -> int:
    """How many functions, of Python or built in, ``work`` calls."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        work()
    except TooCostly:
        pass
    finally:
        sys.setprofile(None)
    return count


def rule(policy: str) -> Any:
    return {**DEFAULT, "policy": policy}


def near(count: int, seed: int, columns: int = 1, spread: float = 1e-7) -> bytes:
    """Lines of numbers that all lie within tolerance of each other."""
    source = random.Random(seed)
    return b"\n".join(b" ".join(b"0.%012d" % int(source.random() * spread * 1e12) for _ in range(columns)) for _ in range(count))


def far(count: int, seed: int) -> bytes:
    """Half of them too far away from any, so that no pairing is complete."""
    return near(count // 2, seed) + b"\n" + near(count - count // 2, seed, spread=1e-5)


PAIRS = {
    "near, complete": lambda n: (near(n, 1), near(n, 2)),
    "near, not complete": lambda n: (near(n, 1), far(n, 2)),
    "two numbers a line": lambda n: (near(n, 1, 2), near(n, 2, 2)),
    "two numbers a line, not complete": lambda n: (near(n, 1, 2), near(n - 1, 2, 2) + b"\n0.0 0.001"),
    "all the same answer": lambda n: (near(n, 1), b"0.0000000\n" * n),
    "same names": lambda n: (b"a " + near(n, 1).replace(b"\n", b"\na "), b"a " + far(n, 2).replace(b"\n", b"\na ")),
}


# One of each way to compare; each costs seconds.
IN_EACH_RUN = {("unordered_lines", "near, not complete"), ("unordered_tokens", "same names"), ("lines", "near, complete")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "name"),
    [
        pytest.param(policy, name, marks=() if (policy, name) in IN_EACH_RUN else pytest.mark.long)
        for policy in ("unordered_lines", "unordered_tokens", "lines", "tokens")
        for name in PAIRS
    ],
)
def test_four_times_the_output_is_not_much_more_than_four_times_the_work(policy: str, name: str) -> None:
    small, large = ((lambda n=n: compare_output(*PAIRS[name](n), rule(policy))) for n in (2_000, 8_000))
    made = [calls(lambda n=n: PAIRS[name](n)) for n in (2_000, 8_000)]
    few, many = calls(small) - made[0], calls(large) - made[1]
    # Linear is 4, n log n 4.7; what may be spent at most is a constant beside.
    assert many < 6 * few + 4 * cost.STEPS, (few, many)


@pytest.mark.parametrize("policy", ["unordered_lines", "unordered_tokens"])
def test_a_right_answer_within_tolerance_is_right_however_near_its_lines_are(policy: str) -> None:
    assert compare_output(near(3_000, 1), near(3_000, 2), rule(policy)) is None
    assert compare_output(near(3_000, 1), far(3_000, 2), rule(policy)) is not None


def test_numbers_in_any_order_cost_n_log_n() -> None:
    def result(count: int, spread: float) -> list[Any]:
        source = random.Random(count)
        return [{"f": repr(source.random() * spread)} for _ in range(count)]

    few, many = (calls(lambda n=n: compare_value([0.0] * n, result(n, 2e-6), rule("unordered_tokens"))) for n in (1_000, 4_000))
    assert many < 6 * few


@pytest.mark.slow
def test_containers_in_any_order_stay_within_their_budget() -> None:
    wanted = [[x / 1e9, y / 1e9] for x in range(40) for y in range(40)]
    answers = [[{"f": repr(y / 1e9 + 4e-7)}, {"f": repr(x / 1e9)}] for x in range(40) for y in range(40)]
    assert compare_value(wanted, answers, rule("unordered_lines")) is None
    answers[0] = [{"f": "0.1"}, {"f": "0.0"}]
    with pytest.raises(TooCostly):
        compare_value(wanted, answers, rule("unordered_lines"))


@pytest.mark.parametrize("form", ["set", "dict"])
def test_a_result_with_colliding_hashes_is_refused_before_it_is_built(form: str) -> None:
    members = [{"i": hex(n * PRIME)} for n in range(1, 5_000)]
    with pytest.raises(TooCostly, match="same hash"):
        decode({"s": members} if form == "set" else {"d": [[member, 0] for member in members]})


def test_honest_sets_are_built() -> None:
    assert decode({"s": list(range(-2000, 2000))}) == set(range(-2000, 2000))
    assert decode({"d": [[{"t": [n, {"f": repr(n / 2)}]}, n] for n in range(2000)]})[(7, 3.5)] == 7


@pytest.mark.long
@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        (b"1.5", b"1" * 200_000 + b"x"), (b"1.5", b"1" * 200_000 + b".1e"), (b"1" * 200_000 + b"x", b"1.5"), (b"inf", b"1" * 200_000 + b"x"),
        (b"1.5", b"0." + b"0" * 200_000), (b"a b", b"a" * 200_000 + b" b"),
    ],
    ids=range(6),
)  # fmt: skip
def test_a_long_token_is_read_once(expected: bytes, answer: bytes, scaled_time: Callable[..., float]) -> None:
    wide = (
        answer.replace(b"1" * 200_000, b"1" * 1_600_000)
        .replace(b"0" * 200_000, b"0" * 1_600_000)
        .replace(b"a" * 200_000, b"a" * 1_600_000)
    )
    wide_expected = expected.replace(b"1" * 200_000, b"1" * 1_600_000)
    ratio = scaled_time(lambda: compare_output(expected, answer), lambda: compare_output(wide_expected, wide))
    assert ratio < 8 * 4, "eight times the length: linear is 8, squared 64"


@pytest.fixture
def scaled_time() -> Callable[..., float]:
    """How many times as long the second piece of work takes, by this thread's own CPU time, the best of several runs."""
    from time import thread_time

    def best(work: Callable[[], Any]) -> float:
        times = []
        for _ in range(5):
            start = thread_time()
            work()
            times.append(thread_time() - start)
        return max(min(times), 1e-4)

    return lambda small, large: best(large) / best(small)


@pytest.mark.long
@pytest.mark.parametrize("policy", ["tokens", "lines", "unordered_tokens", "unordered_lines"])
@pytest.mark.parametrize(
    "unit", [b"ab ", b"1 ", b"a\n", b"\n", b"ab\xf0\x9f\x98\x80 "], ids=["words", "digits", "lines", "blank", "wide"]
)
def test_memory_is_a_small_multiple_of_the_output(policy: str, unit: bytes) -> None:
    answer = unit * (6_000_000 // len(unit))
    gc.collect()
    tracemalloc.start()
    try:
        compare_output(b"1 2 3\n", answer, {**rule(policy), "case": "insensitive"})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6 * len(answer), f"{peak / len(answer):.1f} times"


def outcome(stdout: bytes, status: str = "ok", stderr: bytes = b"") -> RunOutcome:
    return RunOutcome(status, 0.1, 0.1, 10.0, 0, None, stdout, stderr)  # type: ignore[arg-type]


@pytest.mark.slow
def test_what_is_too_costly_is_the_programs_output_limit() -> None:
    test: Any = {
        "id": "0", "kind": "stdin", "input": "", "output": near(2_000, 1, 2).decode(), "entry_point": None, "code": None,
        "expected_may_be_nested": False, "public": False, "origin": "x",
    }  # fmt: skip
    suite: Any = {"tests": [test], "compare": rule("unordered_lines"), "checker": None, "interactor": None, "limits": NO_LIMITS}
    verdict, message = grade_run(prepare(0, test), outcome(near(1_999, 2, 2) + b"\n0.0 0.001"), suite)
    assert verdict == "output_limit"
    assert "too costly to compare" in message


def test_only_the_end_of_stderr_is_read() -> None:
    test: Any = {"kind": "stdin", "input": "", "output": "", "code": None}
    run = outcome(b"", "runtime_error", b"ab\n" * 2_000_000 + b"ValueError: 5\n")
    tracemalloc.start()
    try:
        assert grade_run(prepare(0, test), run, {"compare": None}) == ("runtime_error", "ValueError: 5")  # type: ignore[typeddict-item]
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def complete_by_search(left: list[bytes], right: list[bytes]) -> bool:
    """Whether there is a complete pairing, by trying all."""
    if not left:
        return True
    return any(
        tokens_equal(left[0], other, DEFAULT) and complete_by_search(left[1:], right[:place] + right[place + 1 :])
        for place, other in enumerate(right)
    )


NUMBERS = st.sampled_from([b"1.0", b"1.0000005", b"1.000001", b"1.0000015", b"1.000002", b"1", b"1.5", b"9007199254740993.0", b"9007199254740992", b"word"])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=6))
def test_tokens_are_paired_wherever_a_pairing_exists(pairs: list[tuple[bytes, bytes]]) -> None:
    wanted, got = [left for left, _ in pairs], [right for _, right in pairs]
    right = compare_output(b" ".join(wanted), b" ".join(got), rule("unordered_tokens")) is None
    assert right == complete_by_search(wanted, got)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 7), st.data())
def test_a_pairing_is_complete_wherever_one_exists(count: int, data: st.DataObject) -> None:
    edges = [data.draw(st.sets(st.integers(0, count - 1))) for _ in range(count)]

    def exists(item: int, taken: frozenset[int]) -> bool:
        return item == count or any(exists(item + 1, taken | {answer}) for answer in edges[item] - taken)

    alone = pairing.unpaired(count, count, lambda item: edges[item], Budget(10))
    assert (alone is None) == exists(0, frozenset())
