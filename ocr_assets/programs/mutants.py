"""Mutants: programs with one small fault, made from a right one. A suite that passes them is weak (docs/grading.md, §6).

The faults are those of mutation testing: a comparison, an arithmetic or a logical operator exchanged, a constant off by one,
a statement left out, ``min`` for ``max``. Some mutants do the same as their original, so the share a suite rejects is a
lower bound of what it can tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from ocr_assets.programs import syntax
from ocr_assets.schema import Language

_OPERATORS = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+", "*": "+", "/": "*", "//": "*",
    "%": "*", "and": "or", "or": "and", "&&": "||", "||": "&&", "+=": "-=", "-=": "+=", "*=": "+=", "%=": "*=",
    "&": "|", "|": "&", "^": "|",
}  # fmt: skip
_WORDS = {
    "True": "False", "False": "True", "true": "false", "false": "true", "min": "max", "max": "min", "break": "continue",
    "any": "all", "all": "any", "lower_bound": "upper_bound", "upper_bound": "lower_bound", "bisect_left": "bisect_right",
    "bisect_right": "bisect_left",
}  # fmt: skip
_EXPRESSIONS = {
    "binary_operator", "comparison_operator", "boolean_operator", "augmented_assignment",  # Python
    "binary_expression", "assignment_expression",  # C++
}  # fmt: skip
# Statements that may be left out: what they did is missing then, while names stay defined and input stays in step.
_LEFT_OUT = {"call", "augmented_assignment", "call_expression", "assignment_expression", "update_expression"}
_IN_AND_OUT = (b"input", b"stdin", b"stdout", b"print", b"scanf", b"getline", b"cin", b"cout")


@dataclass(frozen=True)
class Mutant:
    """A program with one fault. ``mutation`` says where and what: ``line 3: < → <=``."""

    code: str
    mutation: str


def mutants(code: str, language: Language, count: int) -> list[Mutant]:
    """At most ``count`` different mutants of ``code``: the same ones each time, spread over the whole program. Not all of
    them need compile."""
    text = code.encode("utf-8", "replace")
    root = syntax.parse(code, language).root_node
    by_code: dict[str, Mutant] = {}
    for edit in sorted(_edits(root, text, language), key=lambda edit: _lot(text, edit))[:count]:
        changed = (text[: edit.start] + edit.new + text[edit.end :]).decode("utf-8")
        old, new = (" ".join(part.decode("utf-8", "replace").split())[:40] for part in (text[edit.start : edit.end], edit.new))
        by_code.setdefault(changed, Mutant(changed, f"line {edit.line}: {old} → {new}"))
    return list(by_code.values())


@dataclass(frozen=True)
class _Edit:
    """Bytes ``start`` to ``end`` of the program become ``new``."""

    start: int
    end: int
    new: bytes
    line: int


def _lot(text: bytes, edit: _Edit) -> bytes:
    """An order without a pattern that depends on nothing but the program."""
    return hashlib.blake2b(b"%d %b " % (edit.start, edit.new) + text, digest_size=8).digest()


def _edits(root: Node, text: bytes, language: Language) -> Iterator[_Edit]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        waiting += node.children
        new = _left_out(node, language) if node.type == "expression_statement" else _exchanged(node)
        if new is not None:
            yield _Edit(node.start_byte, node.end_byte, new, node.start_point[0] + 1)


def _left_out(statement: Node, language: Language) -> bytes | None:
    if statement.children[0].type not in _LEFT_OUT or any(word in (statement.text or b"") for word in _IN_AND_OUT):
        return None
    return b"pass" if language == "python" else b";"


def _exchanged(leaf: Node) -> bytes | None:
    parent, text = leaf.parent, (leaf.text or b"").decode("utf-8", "replace")
    if leaf.child_count or parent is None:
        return None
    if text in _OPERATORS:
        return _OPERATORS[text].encode() if parent.type in _EXPRESSIONS else None
    if leaf.type in ("integer", "number_literal"):
        return b"%d" % (int(text) + 1) if text.isdecimal() and len(text) < 19 else None
    if text in _WORDS:
        called = parent.type in ("call", "call_expression", "qualified_identifier", "attribute") and leaf.type == "identifier"
        return _WORDS[text].encode() if called or leaf.type in ("true", "false", "break") else None
    return None
