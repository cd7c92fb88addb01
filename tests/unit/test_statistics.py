"""Standard errors, intervals and paired differences: worked examples, what must hold of any numbers, and others' figures."""

import math
import statistics

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.statistics import Scores, difference_of, estimate_of, pass_at, sampling_variance, scores_of
from ocr_assets.statistics.in_order import in_order

COUNTS = st.lists(st.integers(2, 6).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), min_size=1, max_size=12)


def plain(values: list[float]) -> Scores:
    return Scores(values, [None] * len(values))


# pass@1, @5 and @10 with standard errors of 164 problems with 10 samples each, (7i² + 3i) mod 11 of which pass, and of one sample
# each: per problem by evalplus 0.3.1 (evalplus.eval.estimate_pass_at_k), their mean's by lm_eval 0.4.13 (api.metrics.mean_stderr).
@pytest.mark.parametrize(
    ("depth", "value", "standard_error"),
    [
        (1, 0.39999999999999997, 0.027215534552230247),
        (5, 0.7083333333333333, 0.029816186435041275),
        (10, 0.8170731707317073, 0.030281359995933538),
    ],
)
def test_the_figures_of_evalplus_and_lm_eval(depth: int, value: float, standard_error: float) -> None:
    found = estimate_of(scores_of([(10, (7 * i * i + 3 * i) % 11) for i in range(164)], depth))
    assert (found.value, found.standard_error) == (pytest.approx(value, rel=1e-12), pytest.approx(standard_error, rel=1e-12))
    assert found.problems == 164


def test_the_figures_of_lm_eval_for_one_answer_a_problem() -> None:
    found = estimate_of(scores_of([(1, int(i * i % 7 < 3)) for i in range(164)], 1))
    assert found.value == pytest.approx(0.7134146341463414, rel=1e-12)
    assert found.standard_error == pytest.approx(0.03541638332993505, rel=1e-12)
    assert found.sampling_noise is None, "of one answer nobody can tell what another would have been"


def test_a_benchmark_of_279_problems_says_three_points_at_best() -> None:
    """About half of 279 problems solved: the standard error that decides whether models differ (2.99 points)."""
    found = estimate_of(scores_of([(64, 64 * (i % 2)) for i in range(279)], 1))
    assert found.standard_error is not None and found.sampling_noise is not None
    assert round(100 * found.standard_error, 1) == 3.0
    assert found.sampling_noise == 0.0, "the same every time"


def test_a_worked_example() -> None:
    # Shares 1, 1/2, 0, 1/2: mean 1/2; squared distances sum to 1/2, over 3 and over 4: the standard error is sqrt(1/24).
    # Sampling variance 1/2·1/2/(4-1) of two of them: sqrt(2/12)/4.
    found = estimate_of(scores_of([(4, 4), (4, 2), (4, 0), (4, 2)], 1))
    assert found.value == 0.5
    assert found.standard_error == pytest.approx(math.sqrt(1 / 24))
    assert found.sampling_noise == pytest.approx(math.sqrt(1 / 6) / 4)


def test_a_worked_example_of_a_paired_difference() -> None:
    """One solves three problems more and loses one: 2/8, and the scatter is that of the differences, not of the two."""
    one, other = [1, 1, 1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 1, 0, 0]
    found = difference_of(plain([float(v) for v in one]), plain([float(v) for v in other]))
    assert found.value == 0.25
    assert found.standard_error == pytest.approx(statistics.stdev([0, 0, 1, 1, 1, -1, 0, 0]) / math.sqrt(8))
    assert found.low < 0 < found.high


def test_pairing_takes_out_what_makes_a_problem_hard_for_both() -> None:
    random = np.random.default_rng(1)
    hard = random.uniform(size=200)
    one = plain([float(h) for h in np.clip(hard + 0.05, 0, 1)])
    other = plain([float(h) for h in hard])
    paired = difference_of(one, other).standard_error
    apart = [estimate_of(scores).standard_error for scores in (one, other)]
    assert paired is not None and None not in apart
    assert paired < 0.05 * math.hypot(*apart)  # type: ignore[arg-type]


@given(st.integers(2, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n - 1))))
def test_the_closed_form_is_the_jackknife(numbers: tuple[int, int, int]) -> None:
    tried, passed, depth = numbers
    samples = [1] * passed + [0] * (tried - passed)
    left = [pass_at(tried - 1, sum(samples[:i] + samples[i + 1 :]), depth) for i in range(tried)]
    by_hand = (tried - 1) / tried * sum((value - statistics.fmean(left)) ** 2 for value in left)
    assert sampling_variance(tried, passed, depth) == pytest.approx(by_hand, abs=1e-15)


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_sampling_variance_is_what_new_samples_would_show(chance: float, depth: int) -> None:
    """Over all that six samples can be: without bias for pass@1, and never too small for larger k."""
    tried = 6
    weights = [math.comb(tried, c) * chance**c * (1 - chance) ** (tried - c) for c in range(tried + 1)]
    values = [pass_at(tried, c, depth) for c in range(tried + 1)]
    mean = sum(w * v for w, v in zip(weights, values, strict=True))
    assert mean == pytest.approx(1 - (1 - chance) ** depth), "pass@k itself is without bias"
    true = sum(w * (v - mean) ** 2 for w, v in zip(weights, values, strict=True))
    told = sum(w * (sampling_variance(tried, c, depth) or 0.0) for c, w in enumerate(weights))
    assert told == pytest.approx(true) if depth == 1 else told >= true - 1e-12


@given(COUNTS, st.randoms())
def test_any_counts_give_an_interval_around_the_value_whatever_their_order(counts: list[tuple[int, int]], random) -> None:
    found = estimate_of(scores_of(counts, 1))
    assert 0 <= found.low <= found.value + 1e-12 and found.value - 1e-12 <= found.high <= 1
    assert (found.standard_error is None) == (len(counts) == 1)
    shuffled = random.sample(counts, len(counts))
    again = estimate_of(scores_of(shuffled, 1))
    assert (again.low, again.high) == (found.low, found.high)
    assert again.value == pytest.approx(found.value)
    assert found.sampling_noise is not None


@pytest.mark.slow
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=12))
def test_a_difference_turns_round_with_its_sides_and_is_the_difference_of_the_means(pairs: list[tuple[float, float]]) -> None:
    one, other = plain([a for a, _ in pairs]), plain([b for _, b in pairs])
    found, turned = difference_of(one, other), difference_of(other, one)
    assert found.value == pytest.approx(-turned.value, abs=1e-12)
    assert found.standard_error == pytest.approx(turned.standard_error)
    assert found.value == pytest.approx(estimate_of(one).value - estimate_of(other).value, abs=1e-12)
    itself = difference_of(one, one)
    assert itself.value == 0 and itself.low == pytest.approx(-itself.high)


@pytest.mark.slow
@given(COUNTS.filter(lambda counts: len(counts) > 1), st.integers(2, 3))
def test_repeating_each_problem_in_its_cluster_makes_nothing_surer(counts: list[tuple[int, int]], times: int) -> None:
    scores = scores_of(counts, 1)
    repeated = Scores(list(scores.values) * times, list(scores.variances) * times)
    clustered = estimate_of(repeated, [number % len(counts) for number in range(times * len(counts))])
    found = estimate_of(scores)
    assert clustered.standard_error == pytest.approx(found.standard_error)
    assert (clustered.low, clustered.high) == pytest.approx((found.low, found.high))
    taken_for_more = estimate_of(repeated).standard_error
    assert taken_for_more is not None and clustered.standard_error is not None
    assert taken_for_more <= clustered.standard_error + 1e-12


def test_clusters_by_hand() -> None:
    # Two clusters: {1, 1, 0} and {0}. Mean 1/2; above it by 1/2 and -1/2 in sum: sqrt(2/1 · 1/2)/4.
    found = estimate_of(plain([1.0, 1.0, 0.0, 0.0]), ["a", "a", "a", "b"])
    assert found.standard_error == pytest.approx(0.25)


def test_all_passed_is_not_certainty() -> None:
    """Ten of ten: one in forty that a model which solves 69.2 % would do so (Clopper and Pearson)."""
    found = estimate_of(plain([1.0] * 10))
    assert (round(found.low, 3), found.high) == (0.692, 1.0)
    nothing = estimate_of(plain([0.0] * 10))
    assert (nothing.low, round(nothing.high, 3)) == (0.0, 0.308)
    assert difference_of(plain([1.0] * 300), plain([1.0] * 300)).high == pytest.approx(0.0122, abs=1e-4)


@pytest.mark.long
@pytest.mark.parametrize("problems", [40, 160])
def test_intervals_hold_what_they_promise(problems: int) -> None:
    """Of 400 benchmarks drawn from one model, about 95 % of the intervals hold its true value (0.4); always the same draws."""
    random = np.random.default_rng(7)
    chances = random.beta(0.8, 1.2, size=(400, problems))
    passed = random.binomial(4, chances)
    held = [
        found.low <= 0.4 <= found.high for row in passed.tolist() for found in [estimate_of(scores_of([(4, c) for c in row], 1))]
    ]
    assert 0.91 <= statistics.fmean(held) <= 0.98


def test_large_benchmarks_have_the_normal_interval() -> None:
    found = estimate_of(scores_of([(8, i % 9) for i in range(1998)], 1))
    assert found.standard_error is not None
    assert (found.value - found.low, found.high - found.value) == (
        pytest.approx(1.96 * found.standard_error, rel=0.05),
        pytest.approx(1.96 * found.standard_error, rel=0.05),
    )


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: estimate_of(plain([])),
        lambda: estimate_of(plain([1.0]), ["a", "b"]),
        lambda: difference_of(plain([1.0]), plain([1.0, 0.0])),
        lambda: Scores([1.0], []),
        lambda: scores_of([(3, 1), (1, 1)], 2),
    ],
)
def test_what_makes_no_sense_is_refused(wrong) -> None:
    with pytest.raises(ValueError, match=r"problem|values|pass@2"):
        wrong()


def test_the_runs_mean_is_the_problems_mean() -> None:
    """Mean over n runs of the share solved, and the scatter of these shares beside the sampling noise."""
    random = np.random.default_rng(3)
    chances = random.uniform(size=400)
    table = random.uniform(size=(400, 64)) < chances[:, None]
    found = estimate_of(scores_of([(64, int(row.sum())) for row in table], 1))
    runs = table.mean(axis=0)
    assert found.value == pytest.approx(runs.mean())
    assert found.sampling_noise == pytest.approx(runs.std(ddof=1) / 8, rel=0.25)


def test_an_average_does_not_depend_on_the_order_of_rows() -> None:
    numbers = [1e16, 1.0, -1e16, 0.1, 0.2, 0.3, None]
    sums = f"SELECT avg(x), {in_order('avg', 'x')}, {in_order('var_samp', 'x', 'x < 1')} FROM unnest(?::DOUBLE[]) t(x)"
    (plain, *ours), (other, *again) = (duckdb.execute(sums, [order]).fetchone() for order in (numbers, numbers[::-1]))
    assert plain != other, "else this shows nothing"
    assert ours == again and None not in ours
    assert duckdb.execute(f"SELECT {in_order('avg', 'x')} FROM (SELECT 1.0 AS x) WHERE false").fetchone() == (None,)
