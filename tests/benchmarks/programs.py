"""Programs the benchmark runs: of the length and manner of usual solutions, each with ten inputs.

``PYTHON`` and ``CPP`` read stdin; ``FUNCTION`` is called, and tested by ``PYTEST``, which has to run, and by
``PYTEST_OF_CALLS`` and ``CHECK``, which can be read.
"""

import random

SHORTEST_PATHS = """import sys
from collections import defaultdict
from heapq import heappop, heappush


def distances(graph, start, count):
    best = [None] * (count + 1)
    best[start] = 0
    heap = [(0, start)]
    while heap:
        so_far, node = heappop(heap)
        if so_far > best[node]:
            continue
        for other, weight in graph[node]:
            found = so_far + weight
            if best[other] is None or found < best[other]:
                best[other] = found
                heappush(heap, (found, other))
    return best


def main():
    numbers = list(map(int, sys.stdin.read().split()))
    count, edges = numbers[0], numbers[1]
    graph = defaultdict(list)
    for position in range(2, 2 + 3 * edges, 3):
        a, b, weight = numbers[position : position + 3]
        graph[a].append((b, weight))
        graph[b].append((a, weight))
    print(*(-1 if d is None else d for d in distances(graph, 1, count)[1:]))


main()
"""

LONGEST_RUN = '''import sys

input = sys.stdin.readline


def check(values, limit, length):
    """Whether some window of ``length`` has a sum of at most ``limit``."""
    window = sum(values[:length])
    if window <= limit:
        return True
    for right in range(length, len(values)):
        window += values[right] - values[right - length]
        if window <= limit:
            return True
    return False


def solve():
    count, limit = map(int, input().split())
    values = list(map(int, input().split()))
    low, high = 0, count
    while low < high:
        middle = (low + high + 1) // 2
        if check(values, limit, middle):
            low = middle
        else:
            high = middle - 1
    return low


for _ in range(int(input())):
    print(solve())
'''

KNAPSACK = """from itertools import accumulate
from math import gcd

MOD = 10**9 + 7


def ways(coins, total):
    counts = [1] + [0] * total
    for coin in coins:
        for amount in range(coin, total + 1):
            counts[amount] = (counts[amount] + counts[amount - coin]) % MOD
    return counts


def common(values):
    result = 0
    for value in values:
        result = gcd(result, value)
    return result


n, total = map(int, input().split())
coins = sorted(set(map(int, input().split())))
step = common(coins)
if total % step:
    print("impossible")
else:
    counts = ways([coin // step for coin in coins], total // step)
    print(counts[-1])
    print(list(accumulate(counts))[-1] % MOD)
    for coin in coins:
        print(coin, counts[coin // step] if coin <= total else 0)
"""


def _graph(rng: random.Random) -> str:
    edges = [(rng.randint(1, 30), rng.randint(1, 30), rng.randint(1, 99)) for _ in range(60)]
    return "30 60\n" + "".join(f"{a} {b} {w}\n" for a, b, w in edges)


def _runs(rng: random.Random) -> str:
    cases = [" ".join(str(rng.randint(1, 50)) for _ in range(40)) for _ in range(3)]
    return "3\n" + "".join(f"40 {rng.randint(100, 900)}\n{case}\n" for case in cases)


def _coins(rng: random.Random) -> str:
    return f"4 {rng.randint(100, 300)}\n" + " ".join(str(rng.randint(1, 20)) for _ in range(4)) + "\n"


def _inputs(make: object, seed: int) -> list[bytes]:
    rng = random.Random(seed)
    return [make(rng).encode() for _ in range(10)]  # type: ignore[operator]


# (code, ten inputs)
PYTHON = [
    (SHORTEST_PATHS, _inputs(_graph, 1)),
    (LONGEST_RUN, _inputs(_runs, 2)),
    (KNAPSACK, _inputs(_coins, 3)),
]

FUNCTION = """from typing import List


class Solution:
    def longestIncreasing(self, numbers: List[int]) -> int:
        tails = []
        for number in numbers:
            low, high = 0, len(tails)
            while low < high:
                middle = (low + high) // 2
                if tails[middle] < number:
                    low = middle + 1
                else:
                    high = middle
            tails[low : low + 1] = [number]
        return len(tails)
"""
FUNCTION_ENTRY = "Solution.longestIncreasing"
# ((argument, result), ...) of ten calls
CALLS = [(list(range(n, 0, -1)) + list(range(n)), max(1, n)) for n in range(1, 11)]

PYTEST = """import pytest

from solution import Solution


@pytest.fixture
def longest():
    return Solution().longestIncreasing


@pytest.mark.parametrize(
    "numbers, expected",
    [([], 0), ([1], 1), ([2, 1], 1), ([1, 2, 3], 3), ([10, 9, 2, 5, 3, 7, 101, 18], 4), ([7] * 5, 1), ([0, 1, 0, 3, 2, 3], 4)],
)
def test_examples(longest, numbers, expected):
    assert longest(numbers) == expected


def test_long_input(longest):
    assert longest(list(range(500))) == 500


def test_argument_is_not_changed(longest):
    numbers = [3, 1, 2]
    longest(numbers)
    assert numbers == [3, 1, 2]


def test_nothing_to_compare(longest):
    with pytest.raises(TypeError):
        longest([1, "a"])
"""

PYTEST_OF_CALLS = """from solution import Solution


def test_short():
    assert Solution().longestIncreasing([]) == 0
    assert Solution().longestIncreasing([1]) == 1
    assert Solution().longestIncreasing([2, 1]) == 1
    assert Solution().longestIncreasing([1, 2, 3]) == 3


def test_usual():
    solution = Solution()
    assert solution.longestIncreasing([10, 9, 2, 5, 3, 7, 101, 18]) == 4
    assert solution.longestIncreasing([0, 1, 0, 3, 2, 3]) == 4


def test_equal():
    assert Solution().longestIncreasing([7] * 5) == 1


def test_long_input():
    numbers = list(range(500))
    assert Solution().longestIncreasing(numbers) == 500
"""

CHECK = """def check(candidate):
    assert candidate([]) == 0
    assert candidate([1]) == 1
    assert candidate([2, 1]) == 1
    assert candidate([10, 9, 2, 5, 3, 7, 101, 18]) == 4
    assert candidate([7] * 5) == 1


check(Solution().longestIncreasing)
"""

CPP = r"""#include <bits/stdc++.h>
using namespace std;

struct Edge {
    int to;
    long long weight;
};

int main() {
    ios::sync_with_stdio(false);
    cin.tie(nullptr);
    int count, edges;
    cin >> count >> edges;
    vector<vector<Edge>> graph(count + 1);
    for (int i = 0; i < edges; i++) {
        int a, b;
        long long weight;
        cin >> a >> b >> weight;
        graph[a].push_back({b, weight});
        graph[b].push_back({a, weight});
    }
    vector<long long> best(count + 1, LLONG_MAX);
    priority_queue<pair<long long, int>, vector<pair<long long, int>>, greater<>> heap;
    best[1] = 0;
    heap.push({0, 1});
    while (!heap.empty()) {
        auto [so_far, node] = heap.top();
        heap.pop();
        if (so_far > best[node]) continue;
        for (const Edge& edge : graph[node]) {
            long long found = so_far + edge.weight;
            if (found < best[edge.to]) {
                best[edge.to] = found;
                heap.push({found, edge.to});
            }
        }
    }
    map<long long, int> histogram;
    for (int node = 1; node <= count; node++) {
        if (best[node] != LLONG_MAX) histogram[best[node] / 10]++;
        cout << (best[node] == LLONG_MAX ? -1 : best[node]) << " \n"[node == count];
    }
    for (auto& [bucket, amount] : histogram) cerr << bucket << ' ' << amount << '\n';
}
"""
CPP_INPUTS = _inputs(_graph, 1)
