"""What the assertions of a suite prove: which of them were executed, and which tests need a second look.

An assertion that was never executed proves nothing, whoever kept it from being executed. So marks are put into the suite's
code, one before each assertion and one at the start of each function that has some. And where the program's answers decide
how often an assertion is executed (a loop over them), the test has to show that it fails when they are cut short: those
tests are found here, and run again with spoiled answers by ``doubts.py``.
"""

import ast
import builtins

_MARK, _EXPLAIN, _LEFT, _RIGHT = "@ocr_reached", "@ocr_explain", "@ocr_left", "@ocr_right"  # no names a suite can spell
_SYMBOLS = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Is: "is", ast.IsNot: "is not",
    ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_RAISES = {"raises", "assertRaises", "assertRaisesRegex", "warns", "assertWarns", "assertWarnsRegex", "deprecated_call"}
_FAILS = {"fail"}
DRAWS = {"all", "any", "zip", "map", "filter", "sum", "max", "min", "enumerate"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.GeneratorExp)


class Marks:
    """Puts marks into a suite's syntax tree and remembers which were passed."""

    def __init__(self):
        self._reached = set()
        self._functions = []  # [name, first line, mark at its start, {mark: line}]; the module itself comes first
        self._count = 0
        self._compared = []  # what stands on both sides of assertions that are comparisons
        vars(builtins).update({_MARK: self._reached, _EXPLAIN: self._explanation})

    @property
    def any_reached(self):
        """Whether any assertion was executed at all."""
        return any(self._reached.intersection(marks) for _, _, _, marks in self._functions)

    def put_into(self, tree):
        """Change ``tree`` in place."""
        marks = {}
        self._functions.append(["", 0, None, marks])
        tree.body = self._marked(tree.body, marks)

    def unreached(self, given, excused):
        """The line of an assertion that was not executed though its function was, or is one that the program was given to
        call; null if there is none. ``given``: {(name, first line)}; ``excused``: names of tests that the suite itself skips or
        expects to fail."""
        for name, line, start, marks in self._functions:
            entered = start is None or start in self._reached or (name, line) in given
            left = [where for mark, where in marks.items() if mark not in self._reached]
            if entered and left and name not in excused:
                return min(left)
        return None

    def _marked(self, body, marks, open_end=False):
        """``body`` with marks. ``open_end``: an error is expected here, after which nothing is executed any more."""
        marked = []
        for statement in body:
            if not open_end and is_assertion(statement):
                mark = self._mark(statement, marked)
                marks[mark] = statement.lineno
            if isinstance(statement, _FUNCTIONS):
                self._mark_function(statement)
            elif isinstance(statement, ast.Assert):
                self._explain(statement)
            elif isinstance(statement, ast.With | ast.AsyncWith):
                statement.body = self._marked(statement.body, marks, open_end or _expects_error(statement))
            else:
                for field in ("body", "orelse", "finalbody"):
                    if isinstance(inner := getattr(statement, field, None), list):
                        setattr(statement, field, self._marked(inner, marks, open_end))
                for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                    part.body = self._marked(part.body, marks, open_end)
            marked.append(statement)
        return marked

    def _mark_function(self, function):
        marks = {}
        body = self._marked(function.body, marks)
        if marks:
            start = []
            at = 1 if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) else 0  # its docstring
            line = min((node.lineno for node in function.decorator_list), default=function.lineno)
            self._functions.append([function.name, line, self._mark(function.body[0], start), marks])
            body[at:at] = start
        function.body = body

    def _explain(self, statement):
        """Have a comparison that fails say what was compared, as pytest does by rewriting every assertion, which costs more
        than most suites."""
        test = statement.test
        if statement.msg is None and isinstance(test, ast.Compare) and len(test.ops) == 1:
            at = _place(statement)
            left, right = test.left, test.comparators[0]
            self._compared.append((left, right))
            test.left = ast.NamedExpr(ast.Name(_LEFT, ast.Store(), **at), left, **at)
            test.comparators = [ast.NamedExpr(ast.Name(_RIGHT, ast.Store(), **at), right, **at)]
            values = [ast.Constant(len(self._compared) - 1, **at), ast.Constant(_SYMBOLS[type(test.ops[0])], **at)]
            values += [ast.Name(name, ast.Load(), **at) for name in (_LEFT, _RIGHT)]
            statement.msg = ast.Call(ast.Name(_EXPLAIN, ast.Load(), **at), values, [], **at)

    def _explanation(self, number, symbol, *values):
        shown = [_shown(value) for value in values]
        lines = [f"assert {shown[0]} {symbol} {shown[1]}"]
        for node, text in zip(self._compared[number], shown, strict=True):
            if not isinstance(node, ast.Constant) and (source := ast.unparse(node)) != text:
                lines.append(f" +  where {text} = {source}")
        return "\n".join(lines)

    def _mark(self, statement, body):
        self._count += 1
        at = _place(statement)
        add = ast.Attribute(ast.Name(_MARK, ast.Load(), **at), "add", ast.Load(), **at)
        body.append(ast.Expr(ast.Call(add, [ast.Constant(self._count, **at)], [], **at), **at))
        return self._count


def _place(node):
    return {name: getattr(node, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")}


def _shown(value):
    try:
        text = repr(value)
    except Exception as error:
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return text if len(text) <= 240 else f"{text[:118]}...{text[-118:]}"


def is_assertion(statement):
    """Whether a statement can make a test fail by what it finds: an assertion of any kind, but none that always fails."""
    if isinstance(statement, ast.Assert):
        return not isinstance(statement.test, ast.Constant)
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return called_name(statement.value).startswith("assert") or called_name(statement.value) in _RAISES
    if isinstance(statement, ast.With | ast.AsyncWith):
        return _expects_error(statement)
    if isinstance(statement, ast.If):
        return any(
            isinstance(inner, ast.Raise)
            or (isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Call) and called_name(inner.value) in _FAILS)
            for inner in (*statement.body, *statement.orelse)
        )
    return False


def called_name(call):
    """``c`` of ``a.b.c(…)``; empty where what is called has no name."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""


def _expects_error(statement):
    calls = [item.context_expr for item in statement.items if isinstance(item.context_expr, ast.Call)]
    return any(called_name(call) in _RAISES for call in calls)


# ---- tests whose assertions are executed as often as the program likes --------------------------------------------------


def steered(tree, programs):
    """Functions of a suite (names; "" for the module's own code) in which something the program answered decides how much is
    asserted: a loop over it with assertions inside, or an assertion over all of its items. ``programs``: names of the
    program's that the suite uses.

    What comes from the program is followed by name alone, not by place: too much may be found, which costs a second run.
    """
    theirs = _theirs(tree, set(programs))
    found = set()
    for name, body in _functions(tree):
        if any(_steers(node, theirs) for statement in body for node in _within(statement)):
            found.add(name)
    return _with_callers(tree, found)


def constants_used(tree, constants):
    """Of the program's plain values (``constants``: names), one that the suite builds upon: used otherwise than as one side of
    a comparison whose other side is the suite's. Null if there is none."""
    if not constants:
        return None
    allowed = set()
    for node in ast.walk(tree):
        sides = []
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and called_name(node).startswith(("assert", "isinstance", "len", "type", "isclose")):
            sides = list(node.args)
        theirs = [side for side in sides if _constant(side, constants)]
        others = [side for side in sides if side not in theirs and _names(side) & constants]
        if len(theirs) == 1 and not others:
            allowed.add(id(theirs[0]))
            allowed.update(id(part) for part in ast.walk(theirs[0]))
    for node in ast.walk(tree):
        if isinstance(name := _constant(node, constants), str) and id(node) not in allowed:
            return name
    return None


def _constant(node, constants):
    node = node.value if isinstance(node, ast.NamedExpr) else node
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in constants:
        return node.id
    module = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "solution"
    return node.attr if module and isinstance(node.ctx, ast.Load) and node.attr in constants else None


def _names(node):
    return {part.id if isinstance(part, ast.Name) else part.attr for part in ast.walk(node)
            if isinstance(part, ast.Name | ast.Attribute)}  # fmt: skip


def _is_draw(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DRAWS


def _theirs(tree, names):
    """All names that something of the program's may be bound to: by assignment, as a loop's variable, as what a function of
    the suite's returns or is given."""
    bindings, nodes = [], list(ast.walk(tree))
    parameters = {node.name: _parameters(node.args) for node in nodes if isinstance(node, _FUNCTIONS)}
    for node in nodes:
        if isinstance(node, ast.Call) and called_name(node) in parameters:
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            bindings += [(parameter, value) for parameter in parameters[called_name(node)] for value in given]
        if isinstance(node, _FUNCTIONS):
            bindings += [(parameter, mark) for parameter in parameters[node.name] for mark in node.decorator_list]
        if isinstance(node, ast.Assign):
            bindings += [(target, node.value) for target in node.targets]
        elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
            bindings.append((node.target, node.value))
        elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            bindings.append((node.target, node.iter))
        elif isinstance(node, ast.withitem) and node.optional_vars is not None:
            bindings.append((node.optional_vars, node.context_expr))
        elif isinstance(node, _FUNCTIONS) and not node.name.startswith("test"):
            bindings += [(ast.Name(node.name), inner.value) for inner in ast.walk(node)
                         if isinstance(inner, ast.Return | ast.Yield) and inner.value is not None]  # fmt: skip
    flat = [(_names(target) - {"self"}, _names(value)) for target, value in bindings]
    while True:
        more = {name for targets, values in flat if values & names for name in targets} - names
        if not more:
            return names
        names |= more


def _parameters(arguments):
    return [ast.Name(argument.arg) for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def _functions(tree):
    """(name, body) of the module's functions and its classes' methods, and ("", …) of the rest."""
    rest = []
    for statement in tree.body:
        inside = statement.body if isinstance(statement, ast.ClassDef) else [statement]
        for part in inside:
            if isinstance(part, _FUNCTIONS):
                yield part.name, part.body
            else:
                rest.append(part)
    yield "", rest


def _within(statement):
    """(node, whether it stands in an assertion) of all nodes below."""
    waiting = [(statement, False)]
    while waiting:
        node, asserted = waiting.pop()
        yield node, asserted
        asserted = asserted or (isinstance(node, ast.stmt) and is_assertion(node) and not isinstance(node, ast.If | ast.With))
        waiting += [(inner, asserted) for inner in ast.iter_child_nodes(node)]


def _steers(found, theirs):
    node, asserted = found
    if isinstance(node, LOOPS[:3]):
        over = node.test if isinstance(node, ast.While) else node.iter
        holds = any(isinstance(inner, ast.stmt) and is_assertion(inner) for part in node.body for inner in ast.walk(part))
        return holds and bool(_names(over) & theirs)
    if isinstance(node, ast.GeneratorExp) and asserted:
        return any(bool(_names(part.iter) & theirs) for part in node.generators)
    return _is_draw(node) and asserted and any(bool(_names(argument) & theirs) for argument in node.args
                                               if not isinstance(argument, ast.GeneratorExp | ast.ListComp))  # fmt: skip


def _with_callers(tree, found):
    """``found`` and all functions that use one of them."""
    uses = {name: set().union(*map(_names, body)) if body else set() for name, body in _functions(tree)}
    while True:
        more = {name for name, used in uses.items() if used & found} - found
        if not more:
            return found
        found = found | more
