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


def convert_arguments(function, args, kwargs):
    """Lists become linked lists or trees where the parameter's annotation asks for one."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    notes = getattr(getattr(function, "__func__", function), "__annotations__", {}) or {}
    if code is None or not notes:
        return args, kwargs
    names = list(code.co_varnames[: code.co_argcount])
    if hasattr(function, "__self__"):
        names = names[1:]
    args = [_convert(value, notes.get(name)) for value, name in itertools.zip_longest(args, names[: len(args)])]
    return args, {name: _convert(value, notes.get(name)) for name, value in kwargs.items()}


def _convert(value, note):
    text = note if isinstance(note, str) else repr(note)
    many = isinstance(value, list) and ("List[" in text or "list[" in text)
    if "ListNode" in text:
        return [_linked(item) for item in value] if many else _linked(value)
    if "TreeNode" in text:
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


def result(function, value):
    """What the function returned as a judge shows it: an empty linked list or tree is an empty list."""
    notes = getattr(getattr(function, "__func__", function), "__annotations__", None) or {}
    note = notes.get("return")
    note = note if isinstance(note, str) else repr(note)
    if value is None and ("ListNode" in note or "TreeNode" in note):
        return []
    return plain(value)


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
