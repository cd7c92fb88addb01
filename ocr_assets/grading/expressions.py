"""What the expressions of a suite come to while it is read (``scripts.py``): a literal, what follows from a call's result, or
something of the program's; and the calls that are noted on the way."""

from __future__ import annotations

import ast
import builtins
import operator
from collections.abc import Callable, Iterator, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any

from ocr_assets.grading.literals import (
    ARITHMETIC,
    BITS,
    COMPARISONS,
    ITEMS,
    OF_LITERALS,
    OF_RESULTS,
    OF_SETS,
    SCALARS,
    Given,
    Unreadable,
    bounded,
    set_of,
)
from ocr_assets.grading.results import spread

STEPS = 20_000  # of reading a suite: what takes more is run
ITEMS_A_STEP = 64
CALLS = 2_000
TEXT = 4_000_000  # characters of all arguments
NESTED = 20  # calls of the suite's own functions within each other
# Methods of strings, sets and the like that say what is true of them: the program's word, where an object is its own.
_TRUTHS = {name for kind in (str, float, set) for name in dir(kind) if name.startswith("is")}
_TRUTHS |= {"startswith", "endswith", "equals"}
_BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True)
class Pending:
    """A value that follows from results."""

    of: Callable[[Sequence[Any]], Any]


@dataclass
class Result:
    """What a call returns. ``is_object``: of a class of the program's; ``used``: by methods, after which it is no value;
    ``is_held``: something of the program's that has got a name, to be called by it."""

    number: int
    is_object: bool
    used: bool = False
    is_held: bool = False


@dataclass(frozen=True)
class Callee:
    """Something of the program's: a name of its module, or (``on``) an attribute of what a call has returned; without a name that
    itself."""

    name: str | None
    on: Result | None = None


@dataclass(frozen=True)
class Known:
    """A function of Python's, or a name of a module that the suite imports."""

    name: str


class Unbound:
    """The value of a name that a function binds before it has."""


@dataclass
class Expressions:
    """The state of one reading. ``calls``: [name, number of the call whose result it is an attribute of, or null, literal
    arguments (null: the attribute itself), the error it must raise]; without a name the result itself is called."""

    kind: str
    calls: list[list[Any]] = field(default_factory=list)
    conditions: list[Callable[[Sequence[Any]], Any]] = field(default_factory=list)
    compared: set[int] = field(default_factory=set)  # calls whose results matter
    late: set[int] = field(default_factory=set)  # those looked at after other calls, which may have changed the result
    imported: set[str] = field(default_factory=set)  # names of the program's that have to be there
    usual: set[str] = field(default_factory=set)  # names that have to mean what they mean in Python
    steps: int = 0
    text: int = 0
    star: bool = False
    given: Given = field(default_factory=Given)
    nested: int = 0
    tests: int = 0  # test functions that were read
    top: dict[str, Any] = field(default_factory=dict)  # the suite's own names
    _bound: dict[ast.FunctionDef, set[str]] = field(default_factory=dict)

    def run(self, body: Sequence[ast.stmt], scope: dict[str, Any], *, at_top: bool = False) -> None:
        """Carry out statements, binding names in ``scope``."""
        raise NotImplementedError

    def value(self, node: ast.expr, scope: dict[str, Any]) -> Any:
        """A literal's value, a ``Pending`` or ``Result``, a ``Callee``, a ``Known``, or a function of the suite's."""
        self.spend()
        read = getattr(self, f"_of_{type(node).__name__.lower()}", None)
        if read is None:
            raise Unreadable(type(node).__name__)
        return read(node, scope)

    def literal(self, node: ast.expr, scope: dict[str, Any]) -> Any:
        value = self.value(node, scope)
        if isinstance(value, Pending | Result | Callee | Known | ast.FunctionDef):
            raise Unreadable("no literal")
        return value

    def _operand(self, node: ast.expr, scope: dict[str, Any]) -> Any:
        """A literal's value or a ``Pending``."""
        value = self.value(node, scope)
        if isinstance(value, Callee) and value.on is not None and isinstance(node, ast.Attribute):
            value = self._asked(value, None)
        value = self.wanted(value) if isinstance(value, Result) else value
        if isinstance(value, Callee | Known | ast.FunctionDef):
            raise Unreadable("no value")
        return value

    def wanted(self, result: Result) -> Pending:
        if result.used:
            raise Unreadable("an object that was used")
        self.compared.add(result.number)
        if len(self.calls) > result.number + 1:
            self.late.add(result.number)
        return Pending(lambda results: results[result.number])

    def _together(self, function: Callable[..., Any], *operands: Any) -> Any:
        """``function`` of literals, or of one value that follows from results."""
        pending = [one for one in operands if isinstance(one, Pending)]
        if not pending:
            return function(*operands)
        if len(pending) > 1:
            raise Unreadable("results compared with each other")
        for one in operands:
            if not isinstance(one, Pending):
                self.given.untouched(one)
        return Pending(lambda results: function(*(one.of(results) if isinstance(one, Pending) else one for one in operands)))

    def _of_constant(self, node: ast.Constant, scope: dict[str, Any]) -> Any:
        return node.value

    def _of_name(self, node: ast.Name, scope: dict[str, Any]) -> Any:
        if node.id in scope:
            value = scope[node.id]
            if isinstance(value, Known):
                self.note(node.id)  # imported before everything of the program's was, perhaps
            if self.given.includes(value) or isinstance(value, Unbound):
                raise Unreadable("a name that may mean something else by now")
            return value
        if node.id in _BUILTINS:
            self.note(node.id)
            return Known(node.id)
        if self.star and not node.id.startswith("__" if self.kind == "assert" else "_"):
            return Callee(node.id)
        raise Unreadable("an unknown name")

    def _of_list(self, node: ast.List, scope: dict[str, Any]) -> Any:
        return [self.literal(one, scope) for one in node.elts]

    def _of_tuple(self, node: ast.Tuple, scope: dict[str, Any]) -> Any:
        return tuple(self.literal(one, scope) for one in node.elts)

    def _of_set(self, node: ast.Set, scope: dict[str, Any]) -> Any:
        return set_of([self.literal(one, scope) for one in node.elts])

    def _of_dict(self, node: ast.Dict, scope: dict[str, Any]) -> Any:
        if None in node.keys:
            raise Unreadable("**")
        keys = spread([self.literal(key, scope) for key in node.keys if key is not None])
        return dict(zip(keys, (self.literal(value, scope) for value in node.values), strict=True))

    def _of_listcomp(self, node: ast.ListComp, scope: dict[str, Any]) -> Any:
        found: list[Any] = []
        inner = {**scope, **dict.fromkeys(names_bound(node), Unbound())}
        first = self.literal(node.generators[0].iter, scope)

        def go(generators: Sequence[ast.comprehension]) -> None:
            if not generators:
                found.append(self.literal(node.elt, inner))
                return
            if generators[0].is_async:
                raise Unreadable("async")
            for item in _walked(first if generators[0] is node.generators[0] else self.literal(generators[0].iter, inner)):
                self.spend()
                bind(generators[0].target, item, inner)
                if all(self.literal(test, inner) for test in generators[0].ifs):
                    go(generators[1:])

        go(node.generators)
        return found

    def _of_unaryop(self, node: ast.UnaryOp, scope: dict[str, Any]) -> Any:
        operand = self._operand(node.operand, scope)
        if isinstance(node.op, ast.Not):
            return self._together(operator.not_, operand)
        if isinstance(node.op, ast.USub) and not isinstance(operand, Pending):
            return -operand
        raise Unreadable("an operator")

    def _of_binop(self, node: ast.BinOp, scope: dict[str, Any]) -> Any:
        left, right = self._operand(node.left, scope), self._operand(node.right, scope)
        function = ARITHMETIC.get(type(node.op))
        pending = isinstance(left, Pending) or isinstance(right, Pending)
        if function is None or (pending and not isinstance(node.op, ast.Sub)):
            raise Unreadable("an operator")
        if not pending:
            bounded(node.op, left, right)
            self.given.untouched(left)
            self.given.untouched(right)
        return self._sized(self._together(function, left, right))

    def _of_compare(self, node: ast.Compare, scope: dict[str, Any]) -> Any:
        parts = [self._operand(part, scope) for part in (node.left, node.comparators[0])]
        before = len(self.calls)
        parts += [self._operand(part, scope) for part in node.comparators[1:]]
        if len(self.calls) > before:
            raise Unreadable("a call that depends on a comparison")
        for op, left, right in zip(node.ops, parts, parts[1:], strict=False):
            if not any(isinstance(one, Pending) or type(one) in SCALARS for one in (left, right)):
                raise Unreadable("literals compared")
            if isinstance(op, ast.Is | ast.IsNot) and not any(one is None or isinstance(one, bool) for one in (left, right)):
                raise Unreadable("identity")
            if not any(isinstance(one, Pending) for one in (left, right)):
                self.given.untouched(left)
                self.given.untouched(right)
        pairs = [self._together(COMPARISONS[type(op)], a, b) for op, a, b in zip(node.ops, parts, parts[1:], strict=False)]
        if len(pairs) == 1:
            return pairs[0]
        if not all(isinstance(pair, Pending) for pair in pairs):
            raise Unreadable("a chain of literals")
        return Pending(lambda results: all(pair.of(results) for pair in pairs))

    def _of_subscript(self, node: ast.Subscript, scope: dict[str, Any]) -> Any:
        if isinstance(node.slice, ast.Slice):
            raise Unreadable("a slice")
        found = self._together(operator.getitem, self._operand(node.value, scope), self.literal(node.slice, scope))
        if self.given.includes(found):
            raise Unreadable("the program may have changed it")
        return found

    def _of_attribute(self, node: ast.Attribute, scope: dict[str, Any]) -> Any:
        owner = self.value(node.value, scope)
        if isinstance(owner, Known):
            return Known(f"{owner.name}.{node.attr}")
        if not (isinstance(owner, Result) and owner.is_object) or node.attr in _TRUTHS or node.attr.startswith("_"):
            raise Unreadable("an attribute")
        return Callee(node.attr, owner)

    def _of_call(self, node: ast.Call, scope: dict[str, Any]) -> Any:
        function = self.value(node.func, scope)
        if isinstance(function, ast.FunctionDef):
            return self._own_function(function, node, scope)
        if any(isinstance(arg, ast.Starred) for arg in node.args) or any(keyword.arg is None for keyword in node.keywords):
            raise Unreadable("*")
        named = {str(keyword.arg): self.literal(keyword.value, scope) for keyword in node.keywords}
        if isinstance(function, Result) and function.is_held:
            function = Callee(None, function)
        if isinstance(function, Callee):
            return self._ask(function, ([self.literal(arg, scope) for arg in node.args], named))
        if not isinstance(function, Known):
            raise Unreadable("a call")
        return self._known(function.name, [self._operand(arg, scope) for arg in node.args], named)

    def _known(self, name: str, args: list[Any], named: dict[str, Any]) -> Any:
        """A function of Python's."""
        pending = any(isinstance(arg, Pending) for arg in args)
        known = OF_RESULTS if pending else OF_LITERALS
        if name not in known or (named and name not in ("math.isclose", "isclose", "sorted", "round", "enumerate")):
            raise Unreadable(f"{name}()")
        if name == "sum" and len(args) > 1:
            raise Unreadable("a sum of lists")
        if name not in OF_SETS and any(isinstance(arg, set) for arg in args):
            raise Unreadable("the order of a set")
        if name == "str" and any(type(arg) not in SCALARS for arg in args):
            raise Unreadable("the text of a list")
        if name == "range" and len(range(*args)) > ITEMS:
            raise Unreadable("a long range")
        for arg in args:
            if not isinstance(arg, Pending):
                self.given.untouched(arg)
                self._sized(arg)
        found = self._together(lambda *values: known[name](*values, **named), *args)
        return self._sized(list(found) if isinstance(found, enumerate | zip | type(reversed([]))) else found)

    def _own_function(self, function: ast.FunctionDef, node: ast.Call, scope: dict[str, Any]) -> None:
        """A function of the suite's that returns nothing, such as HumanEval's ``check(candidate)``."""
        if node.keywords or function.decorator_list or self.nested > NESTED:
            raise Unreadable("a function")
        values = [self.held(self.value(arg, scope)) for arg in node.args]
        if any(isinstance(value, Pending) for value in values):
            raise Unreadable("a function of results")
        names = parameters(function)
        self.nested += 1
        self.run(function.body, {**self.top, **self.unbound(function), **dict(zip(names, values, strict=True))})
        self.nested -= 1

    def unbound(self, function: ast.FunctionDef) -> dict[str, Any]:
        """The names that a function binds, before it does. Raises ``Unreadable`` where that is not all there is to it."""
        if function not in self._bound:
            self._bound[function] = names_bound(function)
        return dict.fromkeys(self._bound[function], Unbound())

    # ---- calls of the program -------------------------------------------------------------------------------------------------

    def _ask(self, callee: Callee, arguments: tuple[list[Any], dict[str, Any]]) -> Result:
        self.given.give(arguments[0])
        self.given.give(arguments[1])
        return self._asked(callee, repr(arguments))

    def _asked(self, callee: Callee, text: str | None) -> Result:
        self.text += len(text or "")
        if self.text > TEXT or len(self.calls) >= CALLS:
            raise Unreadable("too much")
        if callee.on is not None:
            callee.on.used = True
        number = None if callee.on is None else callee.on.number
        self.calls.append([callee.name, number, text, None])
        return Result(len(self.calls) - 1, callee.on is None and (callee.name or "")[:1].isupper() and text is not None)

    def held(self, value: Any) -> Any:
        """``value`` as a name holds it: what it is now, whatever the program later binds in its place. Names that a test module
        imports are of that kind already."""
        if not isinstance(value, Callee) or (value.on is None and self.kind == "pytest"):
            return value
        found = self._asked(value, None)
        found.is_held = True
        return found

    def note(self, name: str) -> None:
        """A name that has to mean what it means in Python, although the program's names are seen."""
        self.usual.add(name)

    def _sized(self, value: Any) -> Any:
        """``value``, paid for by its size."""
        if isinstance(value, int) and value.bit_length() > 2 * BITS:
            raise Unreadable("a long number")
        self.spend(len(value) // ITEMS_A_STEP if isinstance(value, Sized) else 0)
        return value

    def spend(self, steps: int = 1) -> None:
        """Raise ``Unreadable`` where reading would take too long."""
        self.steps += steps
        if self.steps > STEPS:
            raise Unreadable("too much")


def parameters(function: ast.FunctionDef) -> list[str]:
    arguments = function.args
    if arguments.posonlyargs or arguments.kwonlyargs or arguments.vararg or arguments.kwarg or arguments.defaults:
        raise Unreadable("parameters")
    return [argument.arg for argument in arguments.args]


_BINDS_NAMES_ONLY = (
    ast.Import, ast.ImportFrom, ast.Assert, ast.Assign, ast.Expr, ast.For, ast.With, ast.Pass,
)  # fmt: skip
_STEERS = (ast.Yield, ast.YieldFrom, ast.Await, ast.NamedExpr)


def names_bound(node: ast.AST) -> set[str]:
    """Names that a function or a comprehension binds, and perhaps some that only parts of it do."""
    found = set()
    for one in ast.walk(node):
        if one is not node and (
            isinstance(one, _STEERS) or (isinstance(one, ast.stmt) and not isinstance(one, _BINDS_NAMES_ONLY))
        ):
            raise Unreadable(type(one).__name__)
        if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load):
            found.add(one.id)
        elif isinstance(one, ast.alias):
            found.add(one.asname or one.name.partition(".")[0])
    return found


def _walked(items: Any) -> Iterator[Any]:
    if not isinstance(items, list | tuple | range | str):
        raise Unreadable("a loop")
    yield from items


def bind(target: ast.expr, value: Any, scope: dict[str, Any]) -> None:
    """Give names of a scope a value that is read, taken apart where the target is."""
    if isinstance(target, ast.Name):
        scope[target.id] = value
    elif isinstance(target, ast.Tuple | ast.List) and isinstance(value, list | tuple):
        for one, item in zip(target.elts, value, strict=True):
            bind(one, item, scope)
    else:
        raise Unreadable("a target")
