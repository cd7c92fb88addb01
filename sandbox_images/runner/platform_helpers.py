"""What a call-based judge (LeetCode and its kin) offers a solution: common imports, linked lists and binary trees.

Arguments annotated with ``ListNode`` or ``TreeNode`` are built from lists, and such results are turned back: a list of
values, and for trees level order with null for a missing child, trailing nulls left out.
"""

import bisect
import collections
import functools
import heapq
import itertools
import math
import operator
import random
import re
import string
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
    "bisect": bisect,
    "collections": collections,
    "functools": functools,
    "heapq": heapq,
    "itertools": itertools,
    "math": math,
    "operator": operator,
    "random": random,
    "re": re,
    "string": string,
    "typing": typing,
    "inf": math.inf,
    "ListNode": ListNode,
    "TreeNode": TreeNode,
    # operator and math shadow builtins of these names; a solution means the builtins
    **{name: __builtins__[name] if isinstance(__builtins__, dict) else getattr(__builtins__, name)
       for name in ("pow", "abs", "sum", "max", "min")},
}  # fmt: skip


def find_entry(namespace, entry):
    """The function to call: ``name``, ``Class.method``, or a method of ``Solution`` where no plain function is defined."""
    owner, _, method = entry.rpartition(".")
    if owner:
        if owner not in namespace:
            raise NameError(f"class {owner} is not defined")
        return getattr(namespace[owner](), method)
    if entry in namespace and callable(namespace[entry]):
        return namespace[entry]
    if "Solution" in namespace and hasattr(namespace["Solution"], entry):
        return getattr(namespace["Solution"](), entry)
    raise NameError(f"function {entry} is not defined")


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


def plain(value, depth=0):
    """Linked lists and trees as lists, also inside lists; anything else as it is."""
    if isinstance(value, ListNode):
        values, seen = [], 0
        while isinstance(value, ListNode) and seen < 1_000_000:
            values.append(value.val)
            value, seen = value.next, seen + 1
        return values
    if isinstance(value, TreeNode):
        values, level = [], collections.deque([value])
        while level and len(values) < 1_000_000:
            node = level.popleft()
            if isinstance(node, TreeNode):
                values.append(node.val)
                level.extend((node.left, node.right))
            else:
                values.append(None)
        while values and values[-1] is None:
            values.pop()
        return values
    if type(value) is list and depth < 3 and any(isinstance(item, (ListNode, TreeNode, list)) for item in value):
        return [plain(item, depth + 1) for item in value]
    return value
