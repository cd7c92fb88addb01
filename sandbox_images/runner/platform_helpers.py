"""What a call-based judge (LeetCode and its kin) offers a solution: common imports, linked lists and binary trees.

Arguments annotated with ``ListNode`` or ``TreeNode`` are built from lists, and such results are turned back: a list of
values, and for trees level order with null for a missing child, trailing nulls left out.
"""

import array
import bisect
import builtins
import collections
import copy
import dataclasses
import datetime
import functools
import heapq
import itertools
import json
import math
import operator
import random
import re
import string
import sys
import time
import typing


class ListNode:
    def __init__(self, val=0, next=None):
        self.val, self.next = val, next


class TreeNode:
    def __init__(self, val=0, left=None, right=None):
        self.val, self.left, self.right = val, left, right


def _public(module):
    names = getattr(module, "__all__", None) or [name for name in dir(module) if not name.startswith("_")]
    return {name: getattr(module, name) for name in names if hasattr(module, name)}


NAMESPACE = {
    **_public(string),
    **_public(re),
    **_public(operator),
    **_public(math),
    **_public(random),
    **_public(itertools),
    **_public(functools),
    **_public(heapq),
    **_public(bisect),
    **_public(collections),
    **_public(typing),
    "array": array,
    "bisect": bisect,
    "collections": collections,
    "copy": copy,
    "datetime": datetime,
    "functools": functools,
    "heapq": heapq,
    "itertools": itertools,
    "json": json,
    "math": math,
    "operator": operator,
    "random": random,
    "re": re,
    "string": string,
    "sys": sys,
    "time": time,
    "typing": typing,
    "deepcopy": copy.deepcopy,
    "dataclass": dataclasses.dataclass,
    "inf": math.inf,
    "ListNode": ListNode,
    "TreeNode": TreeNode,
}

# What a solution sees where it defines nothing itself. A layer below its globals, as the builtins are: the function under
# test must be the solution's own, or a problem that asks for ``gcd`` would be solved by an empty program. Names that
# operator, math or re share with builtins mean the builtins.
BUILTINS = {**NAMESPACE, **vars(builtins)}


def find_entry(namespace, entry):
    """The function to call: ``name`` or ``Class.method``; where judges ask for one of plain function and method of
    ``Solution``, the other serves as well."""
    owner, _, method = entry.rpartition(".")
    if owner in namespace:
        return getattr(namespace[owner](), method)
    if callable(namespace.get(method)) and owner in ("", "Solution"):
        return namespace[method]
    if not owner and hasattr(namespace.get("Solution"), entry):
        return getattr(namespace["Solution"](), entry)
    raise NameError(f"class {owner} is not defined" if owner else f"function {entry} is not defined")


# LeetCode's limit, by what its interpreter says of itself.
RECURSION = 550_000
# What its parameters are called where a solution has lost the annotations of the starter code. A name counts only if the
# program asks for such a node's fields, too.
_LIST_NAMES = {"head", "head1", "head2", "headA", "headB", "l1", "l2", "list1", "list2", "lists", "node"}
_TREE_NAMES = {"root", "root1", "root2", "p", "q", "s", "t", "t1", "t2", "tree", "original", "cloned", "subRoot", "node"}


class Call:
    """A call as a judge makes it. Lists become linked lists or trees where the parameter's annotation, the docstring's
    ``:type`` or the parameter's name asks for that, and nodes become lists again.

    ``in_place_of_none``: the function returned None, and a judge shows something else for it: ``result()``.
    """

    def __init__(self, function, code, args, kwargs):
        self._function, self._notes = function, _notes(function)
        names, fields = _parameters(function), _names_in(code)
        kinds = {name: self._kind(name, fields) for name in (*names[: len(args)], *kwargs)}
        self._args = [_convert(value, kinds.get(name, "")) for value, name in itertools.zip_longest(args, names[: len(args)])]
        self._kwargs = {name: _convert(value, kinds[name]) for name, value in kwargs.items()}
        self._takes_nodes = any("ListNode" in kind or "TreeNode" in kind for kind in kinds.values())
        self.in_place_of_none = False

    def _kind(self, name, fields):
        """What a parameter is annotated with, or would be."""
        if name in self._notes:
            return self._notes[name]
        if name in _LIST_NAMES and "next" in fields and not {"left", "right"} & fields:
            return "List[ListNode]" if name == "lists" else "ListNode"
        return "TreeNode" if name in _TREE_NAMES and {"left", "right"} & fields else ""

    def result(self):
        """What the function returns, as a judge shows it: in place of None an empty linked list or tree, or, where the function
        says that it returns nothing, what became of its first argument."""
        first = self._args[0] if self._args else None
        value = self._function(*self._args, **self._kwargs)
        if value is not None:
            return plain(value)
        note = self._notes.get("return")
        if note == "None" and (type(first) is list or type(first).__name__ in ("ListNode", "TreeNode")):
            self.in_place_of_none = True
            return plain(first)
        self.in_place_of_none = self._takes_nodes if note is None else "ListNode" in note or "TreeNode" in note
        return [] if self.in_place_of_none else None


def _unwrapped(function):
    """The function behind a method and behind decorators that name it (``lru_cache``)."""
    function = getattr(function, "__func__", function)
    for _ in range(10):
        function = getattr(function, "__wrapped__", function)
    return function


def _notes(function):
    """Parameter → annotation as text, ``return`` for the result; from the docstring where there are none."""
    function = _unwrapped(function)
    notes = getattr(function, "__annotations__", None) or {}
    if notes:
        return {name: "None" if note is None else note if isinstance(note, str) else repr(note) for name, note in notes.items()}
    text = function.__doc__ if isinstance(getattr(function, "__doc__", None), str) else ""
    found = dict(re.findall(r":type +(\w+) *: *(.+)", text))
    if said := re.search(r":rtype *: *(.+)", text):
        found["return"] = "None" if re.match("(None|void)\\b", said[1]) else said[1]
    return found


def _parameters(function):
    code = getattr(_unwrapped(function), "__code__", None)
    if code is None:
        return ()
    names = code.co_varnames[: code.co_argcount]
    return names[1:] if hasattr(function, "__self__") else names


def _names_in(code):
    """Attributes and global names that a program's code object mentions, with all inside it."""
    names, waiting = set(), [code]
    while waiting:
        part = waiting.pop()
        names.update(part.co_names)
        waiting += [inner for inner in part.co_consts if isinstance(inner, type(code))]
    return names


def _convert(value, kind):
    """``value`` as the nodes that ``kind``, an annotation as text, asks for. Null is the empty list's place."""
    if not kind or not (isinstance(value, list) or value is None):
        return value
    many = isinstance(value, list) and ("List[" in kind or "list[" in kind)
    if "ListNode" in kind:
        return [_linked(item) for item in value] if many else _linked(value)
    if "TreeNode" in kind:
        return [_tree(item) for item in value] if many else _tree(value)
    return value


def _linked(values):
    head = None
    for value in reversed(values or []):
        head = ListNode(value, head)
    return head


def _tree(values):
    if not values or values[0] is None:
        return None
    nodes = [TreeNode(value) if value is not None else None for value in values]
    children = iter(nodes[1:])
    for node in nodes:
        if node is not None:
            node.left = next(children, None)
            node.right = next(children, None)
    return nodes[0]


def plain(value, depth=0):
    """Linked lists and trees as lists, also inside lists; anything else as it is."""
    if _is_node(value, "ListNode", "next"):
        values, seen = [], 0
        while _is_node(value, "ListNode", "next") and seen < 1_000_000:
            values.append(value.val)
            value, seen = value.next, seen + 1
        return values
    if _is_node(value, "TreeNode", "left"):
        values, level = [], collections.deque([value])
        while level and len(values) < 1_000_000:
            node = level.popleft()
            if _is_node(node, "TreeNode", "left"):
                values.append(node.val)
                level.extend((node.left, node.right))
            else:
                values.append(None)
        while values and values[-1] is None:
            values.pop()
        return values
    if type(value) is list and depth < 3 and any(type(item) is list or type(item).__name__.endswith("Node") for item in value):
        return [plain(item, depth + 1) for item in value]
    return value


def _is_node(value, name, link):
    """A solution may bring a class of its own by that name, as it stands in the problem's text."""
    return type(value).__name__ == name and hasattr(value, "val") and hasattr(value, link)
