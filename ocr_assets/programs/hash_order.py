"""Whether a Python program can depend on the order of a set: told from its syntax tree, without running it.

The order of a set of strings changes with the interpreter's hash seed (``PYTHONHASHSEED``), and that of a set of objects with
their addresses; dictionaries keep the order of insertion. It can be seen only where a set is drawn from in order: by a loop,
``list``, ``join``, ``pop`` and the like, but not by ``sorted``, ``len``, ``in``. Names are looked at without regard to scope
and to the order of statements, and a set of numbers counts as any other, so the answer errs towards "it can". Running such a
program under another seed is the grader's part (``ocr_assets/grading/grade.py``).
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable

from ocr_assets.programs.syntax import AST_LOCK

# What is known of a value: it may be a set; it may hold sets, or make them.
_SET, _BOX = 1, 2
# Quick to tell, and in the database as well (``grading/version.py``): a program without any of this builds no sets.
MAY_BUILD_SETS = re.compile(r"\b(?:frozenset|[sS]et|hash)\b|\b(?:keys|items)\s*\(|\{", re.ASCII)
_SET_NOTE = re.compile(r"\b(?:[sS]et|frozenset|FrozenSet)\b")
_MAKE_SETS = {"set", "frozenset", "union", "intersection", "difference", "symmetric_difference"}
_DRAW_ONE = {"min", "max", "next", "heappop", "pop", "popleft", "popitem", "get", "setdefault", "choice"}
_PUT_IN = {"add", "append", "appendleft", "insert", "setdefault", "extend", "update", "heappush", "put"}
_SAME = {"copy", "deepcopy"}
_FORGIVING = {  # what they make of their arguments does not depend on the order in which these come
    "sorted", "len", "sum", "any", "all", "set", "frozenset", "bool", "isinstance", "type", "id", "min", "max",
    "copy", "deepcopy", "union", "intersection", "difference", "symmetric_difference", "issubset", "issuperset", "isdisjoint",
    "update", "intersection_update", "difference_update", "symmetric_difference_update", "add", "append", "appendleft", "insert",
    "setdefault", "get", "remove", "discard", "put", "heappush", "defaultdict",
}  # fmt: skip
_WITH_KEY = {"sorted", "min", "max"}  # of equal keys the first one counts
_PASS_ON = {"list", "tuple", "map", "filter", "chain", "iter"}  # what matters is what becomes of their results


def order_can_matter(code: str) -> bool:
    """Whether what Python ``code`` does can change with the hash seed; True also where that cannot be told."""
    if not MAY_BUILD_SETS.search(code):
        return False
    try:
        with AST_LOCK:
            tree = ast.parse(code)
        return _Program(tree).draws_from_sets()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True


class _Program:
    """A program's names with what is known of their values, and the places where a set's order is seen.

    Keys of ``_known``: ``a`` a variable, ``.a`` an attribute, ``a()`` what a function returns.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._nodes = list(ast.walk(tree))
        self._parents = {child: node for node in self._nodes for child in ast.iter_child_nodes(node)}
        self._functions = {node.name: node for node in self._nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        self._known: defaultdict[str, int] = defaultdict(int)
        before = -1
        while before != (before := sum(self._known.values())):
            for node in self._nodes:
                self._learn(node)

    # ---- what is known of names -------------------------------------------------------------------------------------

    def _learn(self, node: ast.AST) -> None:
        """What one statement or expression tells of the names in it."""
        match node:
            case ast.Assign():
                for target in node.targets:
                    self._bind(target, node.value)
            case ast.AugAssign() | ast.NamedExpr():
                self._bind(node.target, node.value)
            case ast.AnnAssign():
                self._take_note(_root(node.target), node.annotation)
                if node.value is not None:
                    self._bind(node.target, node.value)
            case ast.arg():
                self._take_note(node.arg, node.annotation)
            case ast.For() | ast.AsyncFor() | ast.comprehension():
                self._bind_items(node.target, node.iter)
            case ast.Return(value=ast.expr() as value):
                self._known[f"{self._function_around(node)}()"] |= self._fact(value)
            case ast.Yield(value=ast.expr() as value):
                self._known[f"{self._function_around(node)}()"] |= _held(self._fact(value))
            case ast.Call():
                self._learn_from_call(node)

    def _take_note(self, key: str | None, note: ast.expr | None) -> None:
        if key is not None and note is not None and _SET_NOTE.search(ast.unparse(note)):
            self._known[key] |= _SET | _BOX

    def _learn_from_call(self, call: ast.Call) -> None:
        name = _name(call.func)
        if name in self._functions:
            arguments = self._functions[name].args
            names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
            if isinstance(call.func, ast.Attribute) and names[:1] in (["self"], ["cls"]):
                names = names[1:]
            for parameter, value in zip(names, call.args, strict=False):
                self._known[parameter] |= self._fact(value)
            for keyword in call.keywords:
                self._known[keyword.arg or ""] |= self._fact(keyword.value)
        elif name in _PUT_IN:
            receiver = call.func.value if isinstance(call.func, ast.Attribute) else call.args[0] if call.args else None
            if receiver is not None and (key := _root(receiver)) is not None:
                for value in call.args:
                    self._known[key] |= _held(self._fact(value)) if value is not receiver else 0

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            same = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
            if same:
                for inner, part in zip(target.elts, value.elts, strict=True):  # type: ignore[attr-defined]
                    self._bind(inner, part)
            else:
                self._give(target, self._fact(value))
            return
        self._give(target, self._fact(value))
        source, key = _root(value), _root(target)
        if source is not None and key is not None:  # two names for one thing: what is put in by one is there by the other
            self._known[source] |= self._known[key] & _BOX

    def _bind_items(self, target: ast.expr, iterable: ast.expr) -> None:
        """What a loop's target gets: the items; of ``enumerate`` and ``zip`` each part of it its own."""
        name = _name(iterable.func) if isinstance(iterable, ast.Call) else ""
        parts = iterable.args if isinstance(iterable, ast.Call) else []
        names = target.elts if isinstance(target, ast.Tuple) else []
        if name == "enumerate" and len(names) == 2 and parts:
            self._bind_items(names[1], parts[0])
        elif name == "zip" and names and len(names) == len(parts):
            for inner, part in zip(names, parts, strict=True):
                self._bind_items(inner, part)
        else:
            self._give(target, _drawn(self._fact(iterable)))

    def _give(self, target: ast.expr, fact: int) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for part in target.elts:
                self._give(part, _drawn(fact))
        elif (key := _root(target)) is not None:
            self._known[key] |= _held(fact) if isinstance(target, ast.Subscript | ast.Starred) else fact

    def _function_around(self, node: ast.AST) -> str:
        while (node := self._parents[node]) in self._parents:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                return node.name
        return ""

    # ---- what is known of expressions -------------------------------------------------------------------------------

    def _fact(self, node: ast.expr) -> int:
        match node:
            case ast.Name():
                return _BOX if node.id in ("set", "frozenset") else self._known[node.id]
            case ast.Attribute():
                return self._known[f".{node.attr}"]
            case ast.Set():
                return _SET | self._held_by(node.elts)
            case ast.List() | ast.Tuple():
                return self._held_by(node.elts)
            case ast.Dict():
                return self._held_by(node.values)
            case ast.SetComp():
                return _SET | _held(self._fact(node.elt))
            case ast.ListComp() | ast.GeneratorExp():
                return _held(self._fact(node.elt))
            case ast.DictComp():
                return _held(self._fact(node.value))
            case ast.BinOp():
                views = any(
                    isinstance(side, ast.Call) and _name(side.func) in ("keys", "items") for side in (node.left, node.right)
                )
                return self._any((node.left, node.right)) | (_SET if views else 0)
            case ast.BoolOp():
                return self._any(node.values)
            case ast.IfExp():
                return self._any((node.body, node.orelse))
            case ast.Subscript():
                return self._fact(node.value) if isinstance(node.slice, ast.Slice) else _drawn(self._fact(node.value))
            case ast.NamedExpr() | ast.Starred() | ast.Await():
                return self._fact(node.value)
            case ast.Lambda():
                return _held(self._fact(node.body))
            case ast.Call():
                return self._fact_of_call(node)
        return 0

    def _fact_of_call(self, call: ast.Call) -> int:
        name = _name(call.func)
        if name in self._functions:
            return self._known[f"{name}()"]
        receiver = [call.func.value] if isinstance(call.func, ast.Attribute) else []
        fact = self._any([*receiver, *call.args])
        if name in _MAKE_SETS:
            return _SET | (fact & _BOX)
        if name in _SAME:
            return fact
        if name == "map" and call.args and _name(call.args[0]) in self._functions:
            return _held(self._known[f"{_name(call.args[0])}()"])
        return _drawn(fact) if name in _DRAW_ONE else fact & _BOX

    def _any(self, nodes: Iterable[ast.expr]) -> int:
        fact = 0
        for node in nodes:
            fact |= self._fact(node)
        return fact

    def _held_by(self, nodes: Iterable[ast.expr]) -> int:
        fact = 0
        for node in nodes:
            fact |= self._fact(node) & _BOX if isinstance(node, ast.Starred) else _held(self._fact(node))
        return fact

    # ---- where order is seen ----------------------------------------------------------------------------------------

    def draws_from_sets(self) -> bool:
        """Whether anything is drawn from a set in order anywhere, or a hash is asked for."""
        return any(self._sees_order(node) for node in self._nodes)

    def _sees_order(self, node: ast.AST) -> bool:
        match node:
            case ast.For() | ast.AsyncFor():
                return self._is_set(node.iter)
            case ast.comprehension():
                owner = self._parents[node]
                return self._is_set(node.iter) and not isinstance(owner, ast.SetComp) and not self._forgiven(owner)
            case ast.Starred():
                owner = self._parents[node]
                return self._is_set(node.value) and not isinstance(owner, ast.Set) and not self._forgiven(node)
            case ast.Assign():
                spread = (isinstance(target, ast.Tuple | ast.List) or _is_slice(target) for target in node.targets)
                return any(spread) and self._is_set(node.value)
            case ast.AugAssign():
                return isinstance(node.op, ast.Add) and self._is_set(node.value)
            case ast.FormattedValue() | ast.YieldFrom():
                return self._is_set(node.value)
            case ast.Call():
                return self._call_sees_order(node)
        return False

    def _call_sees_order(self, call: ast.Call) -> bool:
        name = _name(call.func)
        if name == "hash":
            return True
        if name == "pop" and isinstance(call.func, ast.Attribute) and not call.args:
            return self._is_set(call.func.value)
        return any(self._is_set(value) and not self._forgiven(value) for value in call.args)

    def _forgiven(self, node: ast.AST) -> bool:
        """Whether the order of what ``node`` yields is lost in the call or comparison that it is a part of."""
        owner = self._parents.get(node)
        if isinstance(owner, ast.Compare):
            return all(isinstance(sign, ast.In | ast.NotIn) for sign in owner.ops) and node is not owner.left
        if not isinstance(owner, ast.Call) or node is owner.func:
            return False
        name = _name(owner.func)
        if name in self._functions:  # what it does with a set is seen there
            return not isinstance(node, ast.Starred | ast.GeneratorExp | ast.ListComp)
        if name in _FORGIVING:
            return name not in _WITH_KEY or all(keyword.arg != "key" for keyword in owner.keywords)
        return name in _PASS_ON and self._forgiven(owner)

    def _is_set(self, node: ast.expr) -> bool:
        return bool(self._fact(node) & _SET)


def _held(fact: int) -> int:
    """Of a value: what is known of a container that holds it."""
    return _BOX if fact else 0


def _drawn(fact: int) -> int:
    """Of a container: what is known of a value drawn from it."""
    return _SET | _BOX if fact & _BOX else 0


def _name(function: ast.expr) -> str:
    """``f`` of ``f`` and of ``x.f``."""
    return function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""


def _is_slice(node: ast.expr) -> bool:
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice)


def _root(node: ast.expr) -> str | None:
    """The name that a value is reached by: ``a`` of ``a``, ``a[0]`` and ``a.setdefault(k, [])``, ``.b`` of ``a.b``."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f".{node.attr}"
    if isinstance(node, ast.Subscript | ast.Starred):
        return _root(node.value)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in (*_DRAW_ONE, "values"):
        return _root(node.func.value)
    return None
