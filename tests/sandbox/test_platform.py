"""What a solution finds on a call-based judge (LeetCode and its kin): imports, linked lists, trees, and nothing that solves
the problem for it."""

from typing import Any

import pytest

from ocr_assets.grading.grade import grade
from ocr_assets.programs.suites import suite_from_json
from resources.sandbox.docker_pool import DockerSandbox


def verdict(sandbox: DockerSandbox, code: str, entry: str, args: list[Any], expected: Any, **more: Any) -> str:
    suite = suite_from_json({"tests": [{"kind": "call", "entry": entry, "args": args, "expected": expected}], **more})
    judged = grade(sandbox, "python", code, suite)
    return judged["verdict"] if judged["verdict"] != "runtime_error" else judged["message"]


USES = {
    "typing": "def f(x: List[Optional[int]]) -> Dict[int, Tuple[int, ...]]: return x",
    "collections": "def f(x): return sorted(Counter(x).elements()) and list(deque(x)) and defaultdict(list) or OrderedDict() or x",
    "modules": "def f(x): return [math.floor(v) for v in x] if sys and json and re and copy and datetime and collections else 0",
    "itertools": "def f(x): return list(chain(*[accumulate([v]) for v in x])) and [p for p in permutations(x)][0] and list(islice(x, 9))",
    "functools": "@lru_cache(None)\ndef g(v): return v\n@cache\ndef h(v): return g(v)\ndef f(x): return sorted(map(h, x), key=cmp_to_key(lambda a, b: a - b))",
    "heapq": "def f(x):\n    h = []\n    for v in x: heappush(h, v)\n    return [heappop(h) for _ in x]",
    "bisect": "def f(x): return x if bisect_left(x, 2) == 1 and bisect.bisect_right(x, 2) == 2 else 0",
    "math": "def f(x): return x if gcd(4, 6) == 2 and isqrt(9) == 3 and inf > 5 and comb(4, 2) == 6 else 0",
    "builtins keep their meaning": "def f(x): return x if pow(2, 3, 5) == 3 and sum([1, 2]) == 3 and max(1, 2) == 2 and compile('1', '', 'eval') else 0",
    "string": "def f(x): return x if ascii_lowercase[0] == 'a' and string.digits[1] == '1' else 0",
    "sortedcontainers": "from sortedcontainers import SortedList, SortedDict, SortedSet\ndef f(x): return list(SortedList(x))",
    "numpy": "import numpy as np\ndef f(x): return np.sort(np.array(x)).tolist()",
    "numpy results": "import numpy as np\ndef f(x): return [np.int64(v) for v in x]",
    "random and operator": "def f(x): return sorted(x, key=itemgetter()) if False else [reduce(add, [v, 0]) for v in x if randint(0, 1) < 2]",
    "a lambda": "f = lambda x: x",
    "an import of its own": "from math import floor as f0\ndef f(x): return [f0(v) for v in x]",
    "recursion": "def f(x, n=50000):\n    import sys\n    sys.setrecursionlimit(10**6)\n    return x if n == 0 else f(x, n - 1)",
    "printing and a main block": "def f(x):\n    print('debug')\n    return x\nif __name__ == '__main__':\n    print(f(input()))",
    "a method of Solution": "class Solution:\n    def f(self, x): return x",
    "a static method": "class Solution:\n    @staticmethod\n    def f(x): return x",
    "a class method": "class Solution:\n    @classmethod\n    def f(cls, x): return x",
}


@pytest.mark.parametrize("name", USES)
def test_what_is_there_without_asking(sandbox: DockerSandbox, name: str) -> None:
    assert verdict(sandbox, USES[name], "f", [[1, 2, 3]], [1, 2, 3]) == "accepted"


def test_a_plain_function_serves_where_a_method_is_asked_for(sandbox: DockerSandbox) -> None:
    assert verdict(sandbox, "def f(x): return x", "Solution.f", [5], 5) == "accepted"


@pytest.mark.parametrize("entry", ["gcd", "reduce", "comb", "accumulate", "Solution.gcd", "sorted", "ListNode", "bisect_left"])
def test_the_platform_does_not_solve_the_problem(sandbox: DockerSandbox, entry: str) -> None:
    assert "is not defined" in verdict(sandbox, "pass", entry, [12, 8], 4)


def test_a_function_the_solution_imports_is_its_own(sandbox: DockerSandbox) -> None:
    assert verdict(sandbox, "from math import gcd", "gcd", [12, 8], 4) == "accepted"


NODE = "class ListNode:\n    def __init__(self, val=0, next=None):\n        self.val = val\n        self.next = next\n"
TREE = "class TreeNode:\n    def __init__(self, val=0, left=None, right=None):\n        self.val, self.left, self.right = val, left, right\n"
SHIFT = """
class Solution:
    def f(self, head: Optional[ListNode]) -> Optional[ListNode]:
        new = ListNode(0)
        last = new
        while head:
            last.next = ListNode(head.val + 1)
            last, head = last.next, head.next
        return new.next
"""
MERGE = """
class Solution:
    def f(self, lists: List[Optional[ListNode]]) -> Optional[ListNode]:
        values = []
        for head in lists:
            while head:
                values.append(head.val)
                head = head.next
        new = None
        for value in sorted(values, reverse=True):
            new = ListNode(value, new)
        return new
"""
MIRROR = """
class Solution:
    def f(self, root: Optional[TreeNode]) -> Optional[TreeNode]:
        if root is None:
            return None
        return TreeNode(root.val, self.f(root.right), self.f(root.left))
"""
SPLIT = """
class Solution:
    def f(self, root: Optional[TreeNode]) -> List[Optional[TreeNode]]:
        return [root.left, root.right]
"""
DEPTH = """
class Solution:
    def f(self, root: 'Optional[TreeNode]', k: int) -> int:
        return 0 if root is None else k + max(self.f(root.left, k), self.f(root.right, k))
"""
NODES = [
    ("list", SHIFT, [[1, 2, 3]], [2, 3, 4]),
    ("empty list", SHIFT, [[]], []),
    ("class of its own", NODE + SHIFT, [[1, 2, 3]], [2, 3, 4]),
    ("future annotations", "from __future__ import annotations\n" + SHIFT, [[1, 2]], [2, 3]),
    ("optional spelled out", SHIFT.replace("Optional[ListNode]", "ListNode | None"), [[1, 2]], [2, 3]),
    ("lists of lists", MERGE, [[[1, 4], [], [2, 3]]], [1, 2, 3, 4]),
    ("no lists", MERGE, [[]], []),
    ("tree", MIRROR, [[1, 2, 3, None, 4]], [1, 3, 2, None, None, 4]),
    ("empty tree", MIRROR, [[]], []),
    ("tree class of its own", TREE + MIRROR, [[1, 2]], [1, None, 2]),
    ("several trees", SPLIT, [[1, 2, 3, 4]], [[2, 4], [3]]),
    ("tree and number", DEPTH, [[1, None, 2], 10], 20),
    ("degenerate tree", DEPTH, [[1, None, 2, None, 3, None, 4], 1], 4),
]  # fmt: skip


@pytest.mark.parametrize(("code", "args", "expected"), [case[1:] for case in NODES], ids=[case[0] for case in NODES])
def test_linked_lists_and_trees(sandbox: DockerSandbox, code: str, args: list[Any], expected: Any) -> None:
    assert verdict(sandbox, code, "Solution.f", args, expected) == "accepted"
    assert verdict(sandbox, code, "Solution.f", args, [7, expected]) == "wrong_answer"


def test_a_list_that_runs_in_a_circle_ends(sandbox: DockerSandbox) -> None:
    code = SHIFT.replace("return new.next", "new.next = new\n        return new")
    assert verdict(sandbox, code, "Solution.f", [[1]], [1], limits={"cpu_s": 20, "memory_mb": 1024}) == "wrong_answer"


@pytest.mark.parametrize(
    "code", ["x: List[int] = []\ndef f(x): return x", "def f(x): return Counter(x)", "y = deque()\ndef f(x): return x"]
)
def test_assertions_and_pytest_get_no_helpers(sandbox: DockerSandbox, code: str) -> None:
    """Their code is a whole program; what it forgets to import it lacks everywhere."""
    for test in ("assert f([]) == []", "y = f([])\nassert len(y) == 0"):
        suite = suite_from_json({"tests": [{"kind": "assert", "code": test}]})
        judged = grade(sandbox, "python", code, suite)
        assert judged["verdict"] == "runtime_error" and "NameError" in judged["message"], judged
