"""The functions that C++ code defines, with their parameters, as Tree-sitter sees them: nothing is compiled or expanded here.

What a signature means for a call test is ``grading/cpp_calls.py``; the compiler has the last word on its types.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tree_sitter import Node

from ocr_assets.programs.syntax import parse, text_of, walk

_CLASSES = ("class_specifier", "struct_specifier", "union_specifier")


@dataclass(frozen=True)
class Parameter:
    """A parameter: its name ("" without one), its type as the code writes it, and whether it has a default."""

    name: str
    type: str
    optional: bool


@dataclass(frozen=True)
class Function:
    """A function or method. ``owner``: its class, null for a free one; ``template``: it has template parameters of its own."""

    owner: str | None
    name: str
    parameters: tuple[Parameter, ...]
    template: bool

    def takes(self, count: int) -> bool:
        """Whether it can be called with ``count`` arguments."""
        return sum(not parameter.optional for parameter in self.parameters) <= count <= len(self.parameters)


def functions(code: str, name: str) -> list[Function]:
    """The functions and methods called ``name``, in the order of the code; a declaration and its definition are one."""
    by_signature: dict[tuple[str | None, tuple[str, ...]], Function] = {}
    for node in walk(parse(code, "cpp").root_node):
        if node.type != "function_declarator" or (function := _function(node, name)) is None:
            continue
        key = function.owner, tuple("".join(parameter.type.split()) for parameter in function.parameters)
        if key not in by_signature or any(parameter.optional for parameter in function.parameters):
            by_signature[key] = function
    return list(by_signature.values())


def classes(code: str) -> set[str]:
    """Names of the classes and structs that the code defines."""
    return {
        text_of(name)
        for node in walk(parse(code, "cpp").root_node)
        if node.type in _CLASSES and node.child_by_field_name("body") is not None
        if (name := node.child_by_field_name("name")) is not None
    }


def _function(node: Node, name: str) -> Function | None:
    declared, parameters = node.child_by_field_name("declarator"), node.child_by_field_name("parameters")
    if declared is None or parameters is None:
        return None
    scope, _, own_name = text_of(declared).replace(" ", "").rpartition("::")
    if own_name != name:
        return None
    owner: str | None = scope or None
    template = False
    above = node.parent
    while above is not None:
        if above.type in ("compound_statement", "parameter_list", "lambda_expression"):
            return None  # local, or a parameter that is a function
        if above.type == "template_declaration" and owner is None:
            template = True
        if above.type in _CLASSES and owner is None:
            owner = text_of(above.child_by_field_name("name"))
        above = above.parent
    return Function(owner, name, tuple(_parameters(parameters)), template)


def _parameters(node: Node) -> Iterator[Parameter]:
    for child in node.named_children:
        if child.type not in ("parameter_declaration", "optional_parameter_declaration", "variadic_parameter_declaration"):
            continue
        default = child.child_by_field_name("default_value")
        declarator = child.child_by_field_name("declarator")
        name = next((part for part in walk(declarator) if part.type == "identifier"), None) if declarator is not None else None
        source = child.text or b""
        text = source[: default.start_byte - child.start_byte].rstrip().removesuffix(b"=") if default is not None else source
        if name is not None:
            text = text[: name.start_byte - child.start_byte] + text[name.end_byte - child.start_byte :]
        text_of_type = text.decode("utf-8", "replace").strip()
        if text_of_type != "void" or name is not None:
            yield Parameter(text_of(name), text_of_type, default is not None)
