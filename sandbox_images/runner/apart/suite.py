"""The suite's process: it runs pytest or an assertion, and sees stand-ins where it imports the solution.

It is sandboxed as the program is, as another user. Its answer (``report``) says besides what passed whether everything
could be carried across: ``cannot`` names what could not, ``odd`` what may behave otherwise than in one process, and
``untrusted`` which word of the program's decided an assertion.

One file, because all of it hangs on one object's state: stand-ins, patches and what crossed. What it makes of that stands in
``beliefs.py``.
"""

import contextlib
import enum
import io
import itertools
import sys
import types

from runner import cover
from runner.apart import beliefs, data, doubts, drawn, names, peer, standard, standins, surroundings

_ITERATORS = (
    types.GeneratorType, type(iter([])), type(iter(())), type(iter("")), type(iter({})), type(iter(set())), type(iter(range(0))),
    map, zip, filter, enumerate, reversed, itertools.chain, itertools.count, itertools.cycle, itertools.islice, itertools.repeat,
    itertools.product, itertools.permutations, itertools.combinations, itertools.accumulate, itertools.takewhile,
)  # fmt: skip
_PLAIN_BASES = (str, int, float, list, tuple, dict, set, frozenset, bytes)
_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.MethodDescriptorType)
_OWN = ("test_solution", "__main__")  # modules of the suite's
WATCHED = 100_000_000  # items that are looked at: a second or two
_NODE_METHODS = {"__init__", "__repr__", "__str__", "__eq__", "__hash__", "__lt__", "__ne__"}


class Abandoned(BaseException):
    """The run apart is given up; what decides is the run in one process."""


class Ended(BaseException):
    """The program has ended, or says what no program says that plays by the rules."""


class Suite(beliefs.Beliefs, peer.Peer):
    """The asking side. ``code``: the suite's, to learn which names it uses. ``way``: how answers are spoiled, null if they are
    not (``doubts.py``)."""

    def __init__(self, fd, code, main, way=None):
        beliefs.Beliefs.__init__(self, code)
        peer.Peer.__init__(self, fd)
        self.cannot = self.ended = None
        self._main, self._way, self._spoiled = main, way, False
        self._standins, self._callable, self._errors = {}, [], []
        self._callable_numbers = {}
        self._names = None
        self._node_classes = {}
        self._forgotten = [], []  # numbers that the program is to forget
        standins.show_signatures = "signature" in code or "inspect" in code or "autospec" in code
        self._surroundings = surroundings.Surroundings()

    def abandon(self, reason):
        """Give up: this cannot be carried across."""
        self.cannot = self.cannot or reason
        raise Abandoned(reason)

    def request(self, operation, target=None, name=None, args=(), kwargs=None):
        if self.cannot:
            raise Abandoned(self.cannot)
        if self.ended:
            raise Ended(self.ended)
        try:
            self._carry_patches()
            result = super().request(operation, target, name, args, kwargs)
            return result if self._way != doubts.EMPTY or operation == "import" else self._emptied(result, operation)
        except data.Cannot as problem:
            self.abandon(str(problem))
        except peer.Gone:
            self.ended = "the program ended before the tests were done"
        except data.Malformed as problem:
            self.ended = f"the program's answer is no answer: {problem}"
        except (StopIteration, StopAsyncIteration):
            if operation not in ("next", "send", "throw", "anext") and name not in ("__next__", "__anext__"):
                self.distrust("the program's StopIteration ended an iteration of the suite's")  # zip(map(f, …), wanted)
            raise
        raise Ended(self.ended)

    def _emptied(self, result, operation):
        if operation in ("next", "anext"):
            self._spoiled = True
            raise StopIteration if operation == "next" else StopAsyncIteration
        empty = None if self.is_node(result) else beliefs.emptied(result)
        self._spoiled = self._spoiled or empty is not result
        return empty

    def constant(self, name):
        self.not_a_number = self.not_a_number or name == "NaN"
        return float(name)

    def unheld(self):
        table = self._table
        if self._receiving or not (table.containers or table.nodes):
            return {}
        if table.spent > WATCHED:
            self.distrust("the suite holds more lists at once than can be watched for what the program does to them later")
            return {"d": table.forget_all()}
        table.forget(*self._forgotten)
        containers, nodes = table.unheld()
        containers += self._forgotten[0]
        nodes += self._forgotten[1]
        self._forgotten = [], []
        return {"d": [containers, nodes]} if containers or nodes else {}

    def changing(self, table, containers, nodes, given):
        if self._way != doubts.COPIES:
            if not self.in_place:
                held, held_nodes = table.held(given)
                self.in_place = not (held.isdisjoint(containers) and held_nodes.isdisjoint(nodes))
            return
        for number in containers:
            table.replace(number, data.empty_like(table.containers[number]))
        for number in nodes:
            table.replace_node(number, object.__new__(type(table.nodes[number])))

    def changed(self, containers, nodes):
        if self._way == doubts.CLEARED:
            for number in containers:
                data.clear(self._table.containers[number])
            for number in nodes:
                fields = vars(self._table.nodes[number])
                fields.update(dict.fromkeys(fields))
            self._forgotten = [*self._forgotten[0], *containers], [*self._forgotten[1], *nodes]  # the program is not to see it

    # ---- the module -------------------------------------------------------------------------------------------------

    def load(self):
        """Have the program run, and learn its names. Raises what it raises."""
        self._names, values, doc = self.request("import", args=[sorted(self.code.used), self._main])
        self.loaded({name: beliefs.emptied(value) for name, value in values.items()} if self._way == doubts.EMPTY else values)
        return doc

    def name(self, name):
        """A name of the program's module."""
        if name in self._values and isinstance(self._values[name], types.FunctionType | type | types.ModuleType):
            return self._values[name]
        return self.request("get", None, name)

    def set_name(self, name, value):
        """Bind a name in the program's module."""
        self.odd = "the suite changes names of the program's module"
        self._values.pop(name, None)
        self.request("set", None, name, [value])

    def delete_name(self, name):
        """Unbind one."""
        self._values.pop(name, None)
        self.request("del", None, name)

    def public(self):
        """The public names."""
        return list(self._names or ())

    def namespace(self):
        """For assertions: the program's names that the suite uses."""
        self.load()
        self.shared()
        return dict(self._values)

    # ---- what is sent along ------------------------------------------------------------------------------------------

    def before(self):
        fields = self._surroundings.changed()
        encoder = data.Encoder(self.foreign)
        return {"e": {name: encoder.encode(value) for name, value in fields.items()}} if fields else {}

    def _carry_patches(self):
        """Carry replaced functions of the standard library over, and their return."""
        for module, name, replacement in self._surroundings.replaced():
            self.odd = f"the suite replaces {module.__name__}.{name}"
            peer.Peer.request(self, "patch", None, f"{module.__name__}:{name}", replacement)

    def note(self, message):
        """Print here what the program printed there."""
        for field, stream in (("out", sys.stdout), ("err", sys.stderr)):
            if text := message.get(field):
                with contextlib.suppress(UnicodeError):
                    stream.write(str(text))

    # ---- being called back -------------------------------------------------------------------------------------------

    def perform(self, message, args, kwargs):
        operation, name = message["o"], message["m"]
        if type(message["n"]) is not int or not 0 <= message["n"] < len(self._callable):
            raise data.Malformed("no such object")
        target = self._callable[message["n"]]
        is_mock = any("unittest.mock" in base.__module__ for base in type(target).__mro__)
        if is_mock and name in _OF_MOCKS:
            self.distrust(f"the program uses {name} of a mock of the suite's")
        try:
            return self._performed(operation, name, target, args, kwargs, is_mock)
        except BaseException as error:
            if isinstance(error, AssertionError) or type(error).__module__ == "_pytest.outcomes":
                self.distrust("an assertion failed where the program had called the suite")  # and need not pass it on
            raise

    def _answer(self, message):
        try:
            super()._answer(message)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as problem:
            raise data.Malformed(f"{type(problem).__name__}: {problem}") from problem

    def _performed(self, operation, name, target, args, kwargs, is_mock):
        if operation == "call":
            return target(*args, **kwargs)
        if operation == "next":
            return next(target)
        if operation == "get" and _is_open(name):
            return getattr(target, name)
        if operation == "set" and _is_open(name):
            own = isinstance(target, type | types.FunctionType | types.MethodType)
            if own or callable(args[0] if is_mock else getattr(type(target), name, None)) or (is_mock and _is_programs(args[0])):
                self.distrust(f"the program replaces {name} of an object of the suite's")
            return setattr(target, name, args[0])
        if operation == "special" and name in _SPECIAL_OF_SUITE:
            return getattr(type(target), name)(target, *args)
        raise AttributeError(f"{type(target).__name__!r} object has no attribute {name!r}")

    # ---- values -----------------------------------------------------------------------------------------------------

    def is_node(self, value):
        kind = type(value)
        known = self._node_classes.get(kind)
        if known is None:
            functions = types.FunctionType | property | classmethod | staticmethod
            methods = {name for name, item in vars(kind).items() if isinstance(item, functions)}
            known = kind.__module__ in _OWN and type(kind) is type and kind.__bases__ == (object,) and methods <= _NODE_METHODS
            self._node_classes[kind] = known = known and hasattr(value, "__dict__")
        return known

    def make_node(self, name):
        for cls, is_one in self._node_classes.items():  # only such as were sent before
            if is_one and cls.__name__ == name:
                return object.__new__(cls)
        raise data.Malformed("a node")

    def foreign(self, value, encoder):
        kind = type(value)
        if isinstance(value, standins.StandIn):
            return ["h", value._ocr_handle]
        if isinstance(kind, type) and issubclass(kind, standins.Meta):
            return ["h", value._ocr_class]
        if kind is types.FunctionType and "_ocr_handle" in vars(value):
            return ["h", vars(value)["_ocr_handle"]]
        if kind is drawn.Drawn:
            return ["h", value._ocr_handle]
        if (array := peer.encode_array(value, encoder)) is not None:
            return array
        if (named := standard.global_name(value)) is not None:
            return named
        if isinstance(value, BaseException):
            return ["ex", self.encode_error(value, encoder)]
        if kind is types.TracebackType:  # for an __exit__, which has no business with the suite's frames
            return None
        if kind in _ITERATORS:
            return self._called_back(value, "it")
        if kind in _FUNCTIONS or isinstance(value, type) or kind.__module__ == "functools":
            if isinstance(value, type) and value.__module__ not in _OWN:
                raise data.Cannot(f"the class {value.__name__}")
            return self._called_back(value, "f", getattr(value, "__name__", "function"))
        if kind.__module__ == "unittest.mock" or any("unittest.mock" in base.__module__ for base in kind.__mro__):
            return self._called_back(value, "o")
        if isinstance(value, io.IOBase):
            return self._called_back(value, "o")
        if isinstance(value, enum.Enum):
            raise data.Cannot("an enumeration of the suite's")
        for base in _PLAIN_BASES:
            if isinstance(value, base):
                raise data.Cannot(f"a subclass of {base.__name__} of the suite's")
        if kind.__module__ in _OWN:
            return self._called_back(value, "o")
        raise data.Cannot(f"an object of type {kind.__name__}")

    def _called_back(self, value, kind, name=None):
        self.odd = "the suite passes functions or objects of its own"
        if isinstance(value, types.FunctionType | type) and str(name).lower().startswith("test"):
            self.distrust("a test is given to the program, such as to a decorator")
        number = self._callable_numbers.get(id(value))
        if number is None:
            number = self._callable_numbers[id(value)] = len(self._callable)
            self._callable.append(value)
            self.given.append(value)
        return ["cb", number, kind, str(name)]

    def native(self, tag, encoded, decoder):
        if tag == "h":
            return self._stand_in(encoded, decoder)
        if tag in ("g", "m"):
            is_error = tag == "g" and encoded[1] in peer.EXCEPTION_MODULES
            return peer.exception_class(encoded) if is_error else peer.decode_global(encoded)
        if tag == "sub":
            value = decoder.decode(encoded[1])
            self.taken_for_plain(value, str(encoded[2]), encoded[3])
            return value
        if tag == "nt":
            if encoded[4]:
                self.taken_for_plain((), str(encoded[1]), encoded[4])
            return names.named_tuple(encoded[1], tuple(encoded[2]))(*map(decoder.decode, encoded[3]))
        if tag == "np":
            return peer.numbered_array(encoded, decoder)
        if tag == "cb":
            return self._callable[encoded[1]]
        if tag == "ex":
            return self.decode_error(encoded[1], decoder)
        raise data.Malformed(str(tag))

    def _stand_in(self, encoded, decoder):
        number = encoded[1]
        if type(number) is not int:
            raise data.Malformed("a handle")
        known = self._standins.get(number)
        if known is not None:
            return known
        if len(encoded) < 3:
            raise data.Malformed("an object without a description")
        facts = encoded[2]
        made = self._standins[number] = self._made(number, facts, decoder)
        if facts["k"] == "c" and facts["members"] is not None:
            members = {str(name): self._member(made, value, decoder) for name, value in facts["members"].items()}
            made._ocr_members = members
        return made

    def _member(self, cls, encoded, decoder):
        """A member of an enumeration, whose description names its class, which is being made."""
        if len(encoded) == 2:
            return self._stand_in(encoded, decoder)
        _, number, facts = encoded
        member = self._standins[number] = object.__new__(cls)
        object.__setattr__(member, "_ocr_handle", number)
        object.__setattr__(member, "name", str(facts["name"]))
        object.__setattr__(member, "value", decoder.decode(facts["value"]))
        return member

    def _made(self, number, facts, decoder):
        kind = facts["k"]
        if kind == "f":
            return standins.make_function(self, number, facts)
        if kind == "c":
            return standins.make_class(self, number, facts, [decoder.decode(base) for base in facts["bases"]])
        if kind == "g":
            return drawn.make_generator(self, number)
        if kind == "co":
            return drawn.make_coroutine(self, number)
        if kind == "ag":
            return drawn.make_async_generator(self, number)
        if kind == "it":
            return drawn.Drawn(self, number, str(facts["name"]))
        if kind == "e":
            cls = decoder.decode(facts["c"])
            return self._standins.get(number) or self._member(cls, ["h", number, facts], decoder)
        described = facts["c"]
        of_library = type(described) is dict
        cls = standins.make_class(self, None, described, []) if of_library else self._stand_in(described, decoder)
        if not (isinstance(cls, standins.Meta) and issubclass(cls, standins.StandIn)):
            raise data.Malformed("an object of no class")
        made = object.__new__(cls)
        object.__setattr__(made, "_ocr_handle", number)
        return made

    # ---- errors -----------------------------------------------------------------------------------------------------

    def encode_error(self, error, encoder):
        if isinstance(error, Abandoned | Ended | data.Cannot):
            return {"c": ["g", "builtins", "RuntimeError"], "a": [], "o": None}
        self._errors.append(error)
        cls = next((base for base in type(error).__mro__ if peer.exception_name(base)), Exception)
        args = [encoder.encode(value) for value in error.args if type(value) in data.SCALARS]
        name = None if cls is type(error) else type(error).__name__
        return {"c": peer.exception_name(cls), "a": args, "o": len(self._errors) - 1, "name": name}

    def decode_error(self, encoded, decoder, again=0):
        if encoded.get("cannot") is not None:
            raise data.Cannot(str(encoded["cannot"]))
        if encoded.get("o") is not None:
            return self._errors[encoded["o"]]
        described = encoded["c"]
        cls = peer.exception_class(described) if described[0] == "g" else self._stand_in(described, decoder)
        if not (isinstance(cls, type) and issubclass(cls, BaseException)):
            raise data.Malformed("no exception")
        args = [decoder.decode(value) for value in encoded["a"]]
        try:
            error = cls.__new__(cls, *args)
            error.args = tuple(args)
        except TypeError:
            error = cls.__new__(cls)
        for name, value in encoded["f"].items():
            with contextlib.suppress(AttributeError, TypeError):
                object.__setattr__(error, str(name), decoder.decode(value))
        if isinstance(cls, standins.Meta):
            error.__dict__["_ocr_text"] = str(encoded["s"])
            self.raised(error)
        error.__dict__["_ocr_raised"] = True
        if encoded.get("cause") and again < 5:
            cause = self.decode_error(encoded["cause"], decoder, again + 1)
            if encoded["explicit"]:
                error.__cause__ = cause
            else:
                error.__context__ = cause
        if cls is NameError and self._main:
            self.odd = "names that the suite may have bound for the program"
        return error

    def coverage(self):
        """How much of the program was executed, by its own word; None if it has none."""
        with contextlib.suppress(Exception, Abandoned, Ended):
            return cover.checked(super().request("coverage"))
        return None

    def report(self, result):
        """What is said of the run besides its result. ``again``: what is to be looked at once more, or null."""
        again = None
        if result["failed"] is None and not self.cannot and not self._way:
            again = self.conclude(result.get("excused", ()))
        elif result["failed"] is not None and self._odd is None and names.ODD.search(self.code.source):
            self.odd = "the suite reaches beyond calls"
        if self._way == doubts.EMPTY and not self._spoiled:
            result["failed"] = "nothing could be emptied, so that it passed says nothing"
        again = None if self.untrusted else again
        return {"cannot": self.cannot, "odd": self._odd, "untrusted": self.untrusted, "ended": self.ended, "again": again}


_SPECIAL_OF_SUITE = {
    "__enter__", "__exit__", "__iter__", "__next__", "__len__", "__getitem__", "__setitem__", "__contains__", "__lt__", "__le__",
    "__gt__", "__ge__", "__add__", "__sub__", "__mul__", "__str__", "__int__", "__float__", "__index__", "__bool__",
}  # fmt: skip
# What a mock says of its calls, and what changes that. No program has a use for it.
_OF_MOCKS = {
    "assert_any_call", "assert_called", "assert_called_once", "assert_called_once_with", "assert_called_with", "assert_has_calls",
    "assert_not_called", "assert_any_await", "assert_awaited", "assert_awaited_once", "assert_awaited_once_with",
    "assert_awaited_with", "assert_has_awaits", "assert_not_awaited", "attach_mock", "await_args", "await_args_list",
    "await_count", "call_args", "call_args_list", "call_count", "called", "configure_mock", "method_calls", "mock_add_spec",
    "mock_calls", "reset_mock", "return_value", "side_effect",
}  # fmt: skip
# Attributes of functions, frames, generators and tracebacks that lead to their insides.
_INSIDES = ("gi_", "f_", "tb_", "cr_", "ag_", "co_", "func_")


def _is_programs(value):
    return isinstance(value, standins.StandIn)


def _is_open(name):
    """Whether an attribute of a suite's object may be asked for: nothing that leads to its functions' insides."""
    return type(name) is str and not name.startswith(("_", *_INSIDES))
