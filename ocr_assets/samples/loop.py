"""A toy on which the loop of training and evaluation is shown on a CPU: problems for a model of 0.7 million parameters.

A problem keeps some of a list of integers, changes each, and sums them up: 8 filters × 8 maps × 8 reduces are 512 compositions
without constants, 115 of which are held out, so a model has to compose what it has seen apart. It says nothing of real models.
What is written of it where is ``ocr_assets/cli/loop.py``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

HELD_OUT = 115


@dataclass(frozen=True)
class Step:
    """One step of a composition: in words, in thought, in code."""

    words: str
    code: str


FILTERS = (
    Step("even", "x % 2 == 0"),
    Step("odd", "x % 2"),
    Step("positive", "x > 0"),
    Step("negative", "x < 0"),
    Step("single-digit", "-10 < x < 10"),
    Step("non-zero", "x"),
    Step("large", "abs(x) > 9"),
    Step("round", "x % 5 == 0"),
)
MAPS = (
    Step("square", "x * x"),
    Step("double", "x + x"),
    Step("negate", "-x"),
    Step("halve", "x // 2"),
    Step("triple", "3 * x"),
    Step("increase", "x + 1"),
    Step("decrease", "x - 1"),
    Step("cube", "x ** 3"),
)
REDUCES = (
    Step("sum", "sum(ys)"),
    Step("maximum", "max(ys)"),
    Step("minimum", "min(ys)"),
    Step("first", "ys[0]"),
    Step("last", "ys[-1]"),
    Step("ends", "ys[0] + ys[-1]"),
    Step("middle", "sorted(ys)[len(ys) // 2]"),
    Step("reverse", "*ys[::-1]"),
)
WORDINGS = (
    "Take the {filter} numbers, {map} each, print the {reduce}.",
    "Keep {filter} numbers, {map} them and print the {reduce}.",
    "Print the {reduce} after you {map} each of the {filter} numbers.",
    "Of the {filter} numbers, each of which you {map}, print the {reduce}.",
)


@dataclass(frozen=True)
class Composition:
    """A filter, a map and a reduce."""

    filter: Step
    map: Step
    reduce: Step

    @property
    def name(self) -> str:
        return f"{self.filter.words}-{self.map.words}-{self.reduce.words}"

    def question(self, wording: int) -> str:
        """The problem in one of the wordings."""
        words = {"filter": self.filter.words, "map": self.map.words, "reduce": self.reduce.words}
        return WORDINGS[wording % len(WORDINGS)].format(**words)

    @property
    def program(self) -> str:
        """The program that solves it."""
        return (
            "xs = [int(x) for x in input().split()]\n"
            f"ys = [{self.map.code} for x in xs if {self.filter.code}]\n"
            f"print({self.reduce.code})\n"
        )

    @property
    def answer(self) -> str:
        """A response as R1 writes them: thought, then the program in a fenced block."""
        thought = (
            f"{self.filter.words}: {self.filter.code}\n{self.map.words}: {self.map.code}\n{self.reduce.words}: {self.reduce.code}"
        )
        return f"<think>\n{thought}\n</think>\n\n```python\n{self.program}```"

    def output(self, numbers: list[int]) -> str:
        """What it prints of these numbers."""
        ys = [eval(self.map.code, {}, {"x": x}) for x in numbers if eval(self.filter.code, {}, {"x": x})]
        if self.reduce.words == "reverse":
            return " ".join(map(str, ys[::-1]))
        return str(eval(self.reduce.code, {"ys": ys}))


def compositions(seed: int = 0) -> tuple[list[Composition], list[Composition]]:
    """Those to learn from, and those held out, in an order of their own."""
    every = [Composition(*steps) for steps in product(FILTERS, MAPS, REDUCES)]
    random.Random(seed).shuffle(every)
    return every[HELD_OUT:], every[:HELD_OUT]


def rows(count: int, seed: int = 0) -> Iterator[tuple[str, str, str]]:
    """``count`` training rows (name, question, answer): each composition once, then again in other words."""
    known, _ = compositions(seed)
    for number in range(count):
        composition = known[number % len(known)]
        wording = number // len(known) + number % len(known)
        yield f"{composition.name}-{wording % len(WORDINGS)}", composition.question(wording), composition.answer


def tests(composition: Composition, seed: int = 0) -> list[tuple[str, str]]:
    """Inputs and expected outputs that tell the composition from most others. Every filter keeps something."""
    draw = random.Random(f"{seed} {composition.name}")
    lists = [[draw.randint(-40, 40) for _ in range(12)] + [0, 10, -15, 7, 4, -3, -8, 25] for _ in range(3)]
    for numbers in lists:
        draw.shuffle(numbers)
    return [(" ".join(map(str, numbers)), composition.output(numbers)) for numbers in lists]
