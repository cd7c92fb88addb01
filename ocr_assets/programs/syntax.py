"""What Tree-sitter can tell of a program without running it: does it parse, what does it define, does it read input."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator

from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser, Tree

from ocr_assets.schema import Language

# For Python's own parser, the module ``ast``: 3.11 counts the depth of syntax trees per interpreter, so two threads that parse at
# once can fail with SystemError.
AST_LOCK = threading.RLock()


@functools.lru_cache(maxsize=4)
def _parser(language: Language) -> Parser:
    if language == "python":
        import tree_sitter_python as grammar
    else:
        import tree_sitter_cpp as grammar  # type: ignore[no-redef]
    return Parser(Grammar(grammar.language()))


def parse(code: str, language: Language) -> Tree:
    """The syntax tree."""
    return _parser(language).parse(code.encode("utf-8", "replace"))


def syntax_error(code: str, language: Language) -> str | None:
    """None if the code parses, else the first error's line and text."""
    root = parse(code, language).root_node
    if not root.has_error:
        return None
    for node in walk(root):
        if node.is_error or node.is_missing:
            line = node.start_point[0]
            text = code.split("\n")[line].strip()[:80] if line < code.count("\n") + 1 else ""
            what = f"missing {node.type}" if node.is_missing else "unexpected"
            return f"line {line + 1}: {what}: {text}"
    return "unknown error"


def defined_names(code: str, language: Language) -> set[str]:
    """Names of functions, classes and ``Class.method``s the code defines anywhere (Python)."""
    names: set[str] = set()
    for node in walk(parse(code, language).root_node):
        if node.type not in ("function_definition", "class_definition"):
            continue
        name = _name(node)
        names.add(name)
        owner = node.parent
        while owner is not None and owner.type != "class_definition":
            owner = owner.parent
        if owner is not None and node.type == "function_definition":
            names.add(f"{_name(owner)}.{name}")
    return names


def used_names(code: str) -> set[str]:
    """Names that Python code reads or calls, whether or not it defines them itself; no attributes, no keywords of calls."""
    names: set[str] = set()
    # Pairs, for a node finds its parent by a search from the root: in code that nests deeply that is the square of its length.
    root = parse(code, "python").root_node
    for parent, node in ((above, below) for above in walk(root) for below in above.children):
        if node.type != "identifier":
            continue
        if parent.type == "attribute" and parent.child_by_field_name("object") != node:
            continue
        if parent.type == "keyword_argument" and parent.child_by_field_name("name") == node:
            continue
        if parent.type in ("function_definition", "class_definition") and parent.child_by_field_name("name") == node:
            continue
        names.add(text_of(node))
    return names


def bound_names(code: str) -> set[str]:
    """Names that Python code gives a meaning to anywhere: functions, classes, imports, parameters, assignments."""
    names = {name for name in defined_names(code, "python") if "." not in name}
    for node in walk(parse(code, "python").root_node):
        if node.type in ("assignment", "augmented_assignment", "for_statement", "for_in_clause"):
            targets = node.child_by_field_name("left")
        elif node.type in ("import_statement", "import_from_statement", "parameters", "lambda_parameters", "as_pattern_target"):
            targets = node
        elif node.type == "named_expression":
            targets = node.child_by_field_name("name")
        else:
            continue
        if targets is not None:
            names.update(text_of(part) for part in walk(targets) if part.type == "identifier")
    return names


def reads_input(code: str, language: Language) -> bool:
    """Whether the program takes input: calls ``input``, touches ``stdin`` or file 0 (Python), reads ``cin`` … (C++)."""
    marks = {"input", "stdin", "fileinput"} if language == "python" else {"cin", "scanf", "getline", "getchar", "fread", "gets"}
    for node in walk(parse(code, language).root_node):
        if node.type in ("identifier", "field_identifier") and text_of(node) in marks:
            return True
        if language == "python" and node.type == "call" and text_of(node).replace(" ", "") in ("open(0)", "os.read(0"):
            return True
    return False


def prints(code: str, language: Language) -> bool:
    """Whether the program writes output."""
    marks = {"print", "stdout"} if language == "python" else {"cout", "printf", "puts", "putchar"}
    return any(
        node.type in ("identifier", "field_identifier") and text_of(node) in marks
        for node in walk(parse(code, language).root_node)
    )


def _name(node: Node) -> str:
    return text_of(node.child_by_field_name("name"))


def text_of(node: Node | None) -> str:
    """A node's source text; nothing for no node."""
    return "" if node is None else (node.text or b"").decode("utf-8", "replace")


def walk(root: Node) -> Iterator[Node]:
    """All nodes, in source order."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))
