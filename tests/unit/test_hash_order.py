"""Which programs can depend on the order of a set, told from their syntax tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.programs.hash_order import order_can_matter

SEES_ORDER = [
    "for word in set(input().split()): print(word)",
    "print(list({word for word in input().split()})[0])",
    "print(*set(input()))",
    "print(''.join(set(input())))",
    "print({'a', 'b'})",
    "print(f'{frozenset(input())}')",
    "s = set(input())\nprint(s.pop())",
    "a, b = {'a', 'b'}",
    "words = []\nwords += set(input())",
    "words = input().split()\nwords[:] = set(words)",
    "print(max(set(input().split()), key=len))",
    "print(sorted(set(input().split()), key=len))",
    "print(hash(input()) % 7)",
    "a, b = {1: 2}, {2: 3}\nfor key in a.keys() & b.keys(): print(key)",
    "print([c for c in set('ab')])",
    "print({c: 1 for c in set('ab')})",
    "near = [set() for _ in range(3)]\nnear[0].add('a')\nfor other in near[0]: print(other)",
    "from collections import defaultdict\nnear = defaultdict(set)\nfor i, s in enumerate(near.values()): print(next(iter(s)))",
    "def chars(): return set(input())\nprint(list(chars()))",
    "def show(s):\n    for c in s: print(c)\nshow(set(input()))",
    "class A:\n    def __init__(self): self.seen = set()\n    def all(self): return list(self.seen)",
    "def f(s: Set[str]): return [c for c in s]",
    "def f(a):\n    def g(): return set(a)\n    return ' '.join(g())",
    "s = set('a') | set('b')\nt = s\nfor c in t: print(c)",
    "for s in map(set, input().split()): print(list(s))",
    "if (s := set(input())): print(list(s))",
    "s = {'a'}\nprint([*s])",
    "def g():\n    yield from set(input())",
    "groups = {}\ngroups.setdefault(1, set()).add('a')\nfor c in groups[1]: print(c)",
    "s = set(\ndef broken(:",  # who knows
    "print(" * 300 + "{}" + ")" * 300,  # too deep for the parser: who knows
]

LOSES_ORDER = [
    "print(input())",
    "print(len(set(input())))",
    "print(sorted(set(input())))",
    "print(''.join(sorted(set(input()))))",
    "print(sorted(list(set(input()))))",
    "print(min(set(input())), max(c for c in set(input())))",
    "seen = set()\nfor c in input():\n    if c in seen: print(c)\n    seen.add(c)",
    "print(set('ab') == {'b', 'a'})",
    "print({c: 1 for c in 'ab'})",
    "d = {'a': 1}\nfor key, value in d.items(): print(key, value)",
    "print(sum(1 for c in set(input()) if c in 'aeiou'))",
    "print(any(c > 'x' for c in set(input())))",
    "vowels = {c.lower() for c in set(input())}\nprint('a' in vowels)",
    "def f(s): return len(s)\nprint(f(set(input())))",
    "def f(words): return set(words)",
    "near = [set() for _ in range(3)]\nfor s in near: print(len(s))",
    "a = set(input())\na.update(set(input()))\na |= {'b'}\nprint(len(a - {'c'}))",
    "for row in sorted({(1, 2), (3, 4)}): print(row)",
    "print('a' in [c for c in set(input())])",
    "import itertools\nprint(len(list(set(input()))))",
]


@pytest.mark.parametrize("code", SEES_ORDER)
def test_a_program_that_draws_from_a_set_in_order_can_depend_on_it(code: str) -> None:
    assert order_can_matter(code)


@pytest.mark.parametrize("code", LOSES_ORDER)
def test_a_program_that_only_asks_a_set_cannot(code: str) -> None:
    assert not order_can_matter(code)


@given(st.text(alphabet="{}set(),. \n=:abfor in", max_size=60))
def test_any_text_has_an_answer(code: str) -> None:
    assert order_can_matter(code) in (True, False)
