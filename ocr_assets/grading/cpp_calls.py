"""Call tests for C++: from a solution that defines a function to a program that calls it (docs/grading.md, §3.2).

The program's text is put together here: the platform's helpers, the solution, and behind it one line that names the function
to be called. How arguments become values of the function's types and its result plain data is ``sandbox_images/include/call.h``;
results are compared as those of Python are (``values.py``). What C++ cannot be asked is ``Undecidable``: no verdict, with the
reason.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ocr_assets.grading.standards import first_accepted
from ocr_assets.programs.cpp_functions import Function, classes, functions
from ocr_assets.schema import Test
from resources.sandbox.api import Outcome, Program, RunOutcome, Sandbox

_NODES = {
    "ListNode": """
struct ListNode {
    int val;
    ListNode *next;
    ListNode() : val(0), next(nullptr) {}
    ListNode(int x) : val(x), next(nullptr) {}
    ListNode(int x, ListNode *next) : val(x), next(next) {}
};""",
    "TreeNode": """
struct TreeNode {
    int val;
    TreeNode *left, *right;
    TreeNode() : val(0), left(nullptr), right(nullptr) {}
    TreeNode(int x) : val(x), left(nullptr), right(nullptr) {}
    TreeNode(int x, TreeNode *left, TreeNode *right) : val(x), left(left), right(right) {}
};""",
}
_USING = "using namespace std;"
_INCLUDE = re.compile(r"^\s*#\s*include\b", re.MULTILINE)
_ERROR = re.compile(r"\berror: (.*)")
_OF_TYPE = re.compile(r"In instantiation of .{0,40}ocr_call::(?:reader|writer)<(.*?)(?:, void)?>.{0,3}:?$", re.MULTILINE)
_NOT_KNOWN = re.compile(r"was not declared|has not been declared|does not name a|is not a template|not a type")


class Undecidable(Exception):
    """No C++ program can be judged by these tests, or not this one by us: the message says why. It is not the program's fault."""


@dataclass
class CppCalls:
    """The call tests of one suite, for one C++ solution."""

    code: str
    tests: Sequence[Test]

    def data(self, test: Test) -> bytes:
        """A test's arguments as ``call.h`` reads them. Raises ``Undecidable``."""
        call = json.loads(test["input"])
        try:
            return encoded([*call["args"], *self._in_order(call["kwargs"], len(call["args"]))])
        except RecursionError:
            raise Undecidable(f"test {test['id']}: arguments nested too deeply for any C++ type") from None

    def insist_on_arguments(self, test: Test, run: RunOutcome) -> None:
        """Raises ``Undecidable`` where a function's parameters cannot hold the test's arguments, as perhaps none could."""
        if isinstance(run.value, dict) and run.value.get("unfit") is True:
            call = json.loads(test["input"])
            if any(map(untypeable, [*call["args"], *call["kwargs"].values()])):
                raise Undecidable(f"test {test['id']}: {run.error}, and no C++ type holds all of it")

    def execute(
        self, sandbox: Sandbox, program: Program, until: Callable[[int, RunOutcome], bool], *, reserved: bool = False
    ) -> Outcome:
        """``program``, whose code is the solution, with its runs of kind ``call``. Raises ``Undecidable``."""
        first: Outcome | None = None
        for using in self._preludes:
            text = self.text(using)

            def compiled(standard: str, text: str = text) -> Outcome:
                asked = replace(program, code=text, std=standard, calls=True)
                outcome = sandbox.execute(asked, until, reserved=reserved)
                self._insist_on_types(outcome)
                return outcome

            outcome = first_accepted(text, compiled)
            if outcome.compiled:
                self._preludes = (using,)  # the next runs begin with it
            if outcome.compiled or not _NOT_KNOWN.search(outcome.compile_message):
                return outcome
            first = first or outcome
        assert first is not None
        return first

    def text(self, using: str) -> str:
        """The whole program, ``using`` in front of the solution. No solution can know how its mark and last line are called."""
        own = classes(self.code)
        nodes = "".join(text for name, text in _NODES.items() if name not in own)
        lines = [
            "#include <bits/stdc++.h>",  # the first line of all, or the precompiled one is not taken
            f"#define OCR_CALL_ENTRY {self._entry}",
            f'#define OCR_CALL_MARK "{self._mark}"',
            '#include "call.h"',
            nodes,
            using,
            '#line 1 "main.cpp"',
            self.code,
            '#line 1 "call"',
            f"void {self._entry}() {{ {self._call} }}",
        ]
        return "\n".join(lines) + "\n"

    @cached_property
    def _secret(self) -> str:
        """Known to nobody who writes the code, and yet the same for the same code, so that it is compiled once."""
        return hashlib.sha256(b"call of C++\0" + self.code.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @property
    def _entry(self) -> str:
        return f"ocr_call_{self._secret}"

    @property
    def _mark(self) -> str:
        return f"{self._secret}: "

    @cached_property
    def _preludes(self) -> Sequence[str]:
        """What may stand before the solution, the likelier first: code without includes of its own leans on the platform's."""
        if _USING in self.code:
            return ("",)
        return ("", _USING) if _INCLUDE.search(self.code) and "std::" in self.code else (_USING, "")

    @cached_property
    def _target(self) -> tuple[str | None, str]:
        """(class, function) to call; of plain function and method of ``Solution`` either serves."""
        entry = self.tests[0]["entry_point"] or ""
        owner, _, name = entry.rpartition(".")
        free = [function for function in functions(self.code, name) if function.owner is None]
        if owner and (owner in classes(self.code) or not (owner == "Solution" and free)):
            return owner, name
        if not owner and not free and any(function.owner == "Solution" for function in functions(self.code, name)):
            return "Solution", name
        return None, name

    @cached_property
    def _candidates(self) -> list[Function]:
        owner, name = self._target
        return [function for function in functions(self.code, name) if function.owner == owner]

    @cached_property
    def _count(self) -> int:
        """How many arguments the tests give."""
        calls = [json.loads(test["input"]) for test in self.tests]
        counts = {len(call["args"]) + len(call["kwargs"]) for call in calls}
        if len(counts) > 1:
            raise Undecidable("the tests call the function with different numbers of arguments, which C++ is not asked here")
        return counts.pop()

    @cached_property
    def _function(self) -> Function | None:
        """The one of several functions of that name that the tests call; null where only the compiler can tell."""
        if len(self._candidates) <= 1:
            return next(iter(self._candidates), None)
        fitting = [function for function in self._candidates if function.takes(self._count)]
        if len(fitting) > 1:
            raise Undecidable(f"the program has several functions {self._target[1]} of {self._count} parameters")
        return fitting[0] if fitting else self._candidates[0]

    @cached_property
    def _call(self) -> str:
        owner, name = self._target
        function = self._function
        whole = f"{owner}::{name}" if owner else f"::{name}"
        count = self._count
        only = len(self._candidates) == 1 and function is not None and len(function.parameters) == count
        if function is None or not function.takes(count) or (only and not function.template):
            return f"ocr_call::entry(&{whole});"
        if function.template:
            raise Undecidable(f"{name} is a template, and nothing says which types to call it with")
        types = [parameter.type for parameter in function.parameters[:count]]
        names = [f"ocr_call_a{place}" for place in range(count)]
        taken = ", ".join(f"ocr_call_t{place} {names[place]}" for place in range(count))
        aliases = " ".join(f"using ocr_call_t{place} = {text};" for place, text in enumerate(types))
        passed = ", ".join(f"static_cast<ocr_call_t{place} &&>({names[place]})" for place in range(count))
        of_types = ", ".join(f"ocr_call_t{place}" for place in range(count))
        made, called = (f"{owner} *ocr_call_o = new {owner}();", f"ocr_call_o->{name}") if owner else ("", f"::{name}")
        body = f"-> decltype(auto) {{ return {called}({passed}); }}"
        return f"{aliases} {made} ocr_call::with_types<{of_types}>::entry([=]({taken}) {body});"

    def _in_order(self, kwargs: Mapping[str, Any], start: int) -> list[Any]:
        """Named arguments in the order of the parameters: C++ has no names in calls."""
        if not kwargs:
            return []
        names = [parameter.name for parameter in self._function.parameters[start : start + len(kwargs)]] if self._function else []
        if set(names) != set(kwargs):
            raise Undecidable(f"the test names arguments {', '.join(kwargs)}, which the function's parameters are not called")
        return [kwargs[name] for name in names]

    def _insist_on_types(self, outcome: Outcome) -> None:
        """Raises ``Undecidable`` where nothing but a type that ``call.h`` does not carry keeps the program from compiling."""
        errors = _ERROR.findall(outcome.compile_message) if not outcome.compiled else []
        ours = [error for error in errors if self._mark in error]
        if ours and len(ours) == len(errors):
            found = _OF_TYPE.search(outcome.compile_message)
            of_type = f" ({found[1]})" if found else ""
            raise Undecidable(f"C++ calls: {ours[0].partition(self._mark)[2].rstrip()}{of_type}")


def encoded(value: Any) -> bytes:
    """JSON data as ``call.h`` reads it."""
    if value is None:
        return b"n"
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, int):
        return b"i%d;" % value
    if isinstance(value, float):
        return b"d%s;" % repr(value).encode()
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogateescape" if _escaped(value) else "surrogatepass")
        return b"s%d:%s" % (len(text), text)
    if isinstance(value, list):
        return b"l%d:%s" % (len(value), b"".join(map(encoded, value)))
    return b"m%d:%s" % (len(value), b"".join(encoded(str(name)) + encoded(item) for name, item in value.items()))


def _escaped(text: str) -> bool:
    """Whether ``text`` holds bytes that are no UTF-8, and no other half characters."""
    halves = [character for character in text if "\ud800" <= character <= "\udfff"]
    return bool(halves) and all("\udc80" <= character <= "\udcff" for character in halves)


def untypeable(value: Any) -> bool:
    """Whether JSON data is null, or holds members of different kinds: then it may be that no plain C++ type takes it."""
    if value is None:
        return True
    if isinstance(value, dict):
        return any(map(untypeable, value.values())) or _mixed(value.values())
    return isinstance(value, list) and (any(map(untypeable, value)) or _mixed(value))


def _mixed(items: Any) -> bool:
    kinds = {float if isinstance(item, int) and not isinstance(item, bool) else type(item) for item in items}
    return len(kinds) > 1
