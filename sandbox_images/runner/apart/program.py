"""The solution's process while a suite tests it from another: it answers calls, and sees nothing else of the suite.

Objects that are no plain data stay here and go out as numbers (handles) with a description from which the suite makes a
stand-in; functions and objects of the suite's come in as proxies that call back. This process belongs to the program: it can
forge every answer, so nothing it says is believed but as an answer.
"""

import builtins
import contextlib
import copy
import enum
import os
import random
import sys
import types

from runner.apart import data, describe, peer, proxies, standard
from runner.apart.describe import PLAIN_BASES


class Program(peer.Peer):
    """Answers for the module ``solution``, whose code runs when the suite first imports it."""

    def __init__(self, fd, code, measured):
        super().__init__(fd)
        self._code, self._module, self._measured = code, None, measured
        self._objects, self._numbers = [], {}
        self._described = set()
        self._node_classes = {}
        self._proxies = {}
        self._asked_for = set()  # subclasses of plain types, with methods of their own, that the suite has called
        self._read = [0, 0]
        self._originals = {}

    # ---- operations -------------------------------------------------------------------------------------------------

    def perform(self, message, args, kwargs):
        operation, name = message["o"], message["m"]
        if operation == "import":
            return self._import(*args)
        if operation == "patch":
            return self._patch(name, args)
        if operation == "coverage":
            return None if self._measured is None else self._measured.report()
        target = self._module if message["n"] is None else self._objects[message["n"]]
        if operation == "call":
            if isinstance(target, type) and issubclass(target, PLAIN_BASES) and describe.has_methods(target):
                self._asked_for.add(target)
            return target(*args, **kwargs)
        if operation == "method":
            return getattr(target, name)(*args, **kwargs)
        if operation == "get":
            return getattr(target, name)
        if operation == "set":
            return setattr(target, name, args[0])
        if operation == "del":
            return delattr(target, name)
        if operation == "special":
            return self._special(target, name, args, kwargs)
        if operation == "next":
            return next(target)
        if operation == "content":
            return _content(target, next(base for base in PLAIN_BASES if isinstance(target, base)))
        if operation in ("copy", "deepcopy"):
            return getattr(copy, operation)(target)
        if operation in ("send", "throw", "close"):
            return getattr(target, operation)(*args)
        if operation == "await":
            import asyncio

            async def awaited():
                return await target

            return asyncio.run(awaited())
        if operation == "anext":
            import asyncio

            return asyncio.run(target.__anext__())
        raise data.Malformed(operation)

    def _import(self, wanted, main):
        """Run the program's code; [all public names, values of the wanted ones that there are]."""
        if self._module is None:
            module = types.ModuleType("solution")
            module.__file__ = os.path.abspath("solution.py")
            module.__dict__["__builtins__"] = own_builtins()
            if main:
                module.__file__ = "solution.py"
            sys.modules["solution"] = module
            try:
                exec(self._code, module.__dict__)
            except BaseException:
                sys.modules.pop("solution", None)
                raise
            self._module = module
        names = vars(self._module)
        public = names.get("__all__")
        if not (isinstance(public, list | tuple) and all(type(name) is str for name in public)):
            public = [name for name in names if not name.startswith("_")]
        values = {}
        for name in wanted:
            if name in names:
                values[name] = names[name]
            elif name in public:
                raise AttributeError(f"module 'solution' has no attribute '{name}'")
        doc = self._module.__doc__
        return [list(public), values, doc if type(doc) is str else None]

    def _patch(self, name, args):
        """Put the suite's replacement in a module of the standard library, or (without one) the original back."""
        module, _, attribute = name.partition(":")
        place = sys.modules.get(module) or __import__(module)
        if args:
            self._originals.setdefault(name, getattr(place, attribute))
            setattr(place, attribute, args[0])
        elif name in self._originals:
            setattr(place, attribute, self._originals.pop(name))

    @staticmethod
    def _special(target, name, args, kwargs):
        if isinstance(target, type):
            return getattr(target, name)(*args, **kwargs) if not args else getattr(type(target), name)(target, *args, **kwargs)
        method = getattr(type(target), name)
        return method(target, *args, **kwargs)

    # ---- what the suite sends along, and what is sent back --------------------------------------------------------------

    def note(self, message):
        if forgotten := message.get("d"):
            self._table.forget(*forgotten)
        for field, value in (message.get("e") or {}).items():
            decoded = data.Decoder(self.native).decode(value)
            if field == "stdin":
                sys.stdin = proxies.SuiteInput() if decoded is None else decoded
            elif field == "argv":
                sys.argv = decoded
            elif field == "environ":
                os.environ.clear()
                os.environ.update(decoded)
            elif field == "seed":
                random.seed(*decoded)
            elif field == "numpy seed":
                sys.modules["numpy"].random.seed(*decoded) if "numpy" in sys.modules else None
            elif field == "recursion":
                sys.setrecursionlimit(decoded)

    def after(self):
        """What the program has printed since."""
        fields = {}
        for fd, stream, field in ((1, sys.stdout, "out"), (2, sys.stderr, "err")):
            with contextlib.suppress(ValueError, OSError, AttributeError):  # closed, full, or something of the program's own
                stream.flush()
            size = os.fstat(fd).st_size
            if size > self._read[fd - 1]:
                text = os.pread(fd, size - self._read[fd - 1], self._read[fd - 1])
                self._read[fd - 1] = size
                fields[field] = text.decode("utf-8", "surrogateescape")
        return fields

    # ---- values -----------------------------------------------------------------------------------------------------

    def is_node(self, value):
        return type(value) in self._node_classes.values() and type(getattr(value, "__dict__", None)) is dict

    def make_node(self, name):
        cls = self._node_classes.get(name)
        if cls is None:
            cls = vars(self._module).get(name) if self._module is not None else None
            if not (isinstance(cls, type) and cls.__module__ == "solution" and not hasattr(cls, "__slots__")):
                cls = type(name, (), {"__module__": "solution"})
            self._node_classes[name] = cls
        return object.__new__(cls)

    def foreign(self, value, encoder):
        if type(value) in proxies.KINDS:
            return ["cb", object.__getattribute__(value, "_ocr_proxy")]
        if type(value) is types.FunctionType and "_ocr_proxy" in vars(value):
            return ["cb", vars(value)["_ocr_proxy"]]
        if (array := peer.encode_array(value, encoder)) is not None:
            return array
        if (named := standard.global_name(value)) is not None and (named[0] != "m" or named[1] in peer.KNOWN_MODULES):
            return named  # another module stays here, as an object does
        kind = type(value)
        if issubclass(kind, BaseException):
            return ["ex", self.encode_error(value, encoder)]
        if not issubclass(kind, enum.Enum) and not self._asked_for.intersection(kind.__mro__):
            for base in PLAIN_BASES:
                if issubclass(kind, base):
                    return self._flattened(value, kind, base, encoder)
        return self.handle(value, encoder)

    def _flattened(self, value, kind, base, encoder):
        """A subclass of a plain type as the plain data in it, and what the class says of its own; none of its methods is
        called."""
        own = describe.own_names(kind, base)
        if base is tuple:
            items = [encoder.encode(item) for item in tuple.__iter__(value)]
            fields = getattr(kind, "_fields", None)
            if isinstance(fields, tuple) and len(fields) == len(items) and kind.__bases__ in ((tuple,), (kind.__mro__[1],)):
                fields = [str(field) for field in fields]
                return ["nt", kind.__name__, fields, items, sorted(own - {*fields} - describe.OF_NAMED_TUPLES)]
            return ["sub", ["t", *items], kind.__name__, sorted(own)]
        return ["sub", encoder.encode(_content(value, base)), kind.__name__, sorted(own)]

    def native(self, tag, encoded, decoder):
        if tag == "h":
            return self._objects[encoded[1]]
        if tag in ("g", "m"):
            return peer.decode_global(encoded) if tag == "g" else sys.modules.get(encoded[1]) or __import__(encoded[1])
        if tag == "np":
            return peer.numbered_array(encoded, decoder)
        if tag == "cb":
            return self._proxy(encoded)
        if tag == "ex":
            return self.decode_error(encoded[1], decoder)
        raise data.Malformed(tag)

    def handle(self, value, encoder):
        """The number of an object that stays here, and its description when it first goes out."""
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._objects)
            self._objects.append(value)
        if number in self._described:
            return ["h", number]
        self._described.add(number)
        return ["h", number, describe.description(self, value, encoder)]

    # ---- errors -----------------------------------------------------------------------------------------------------

    def encode_error(self, error, encoder):
        number = getattr(error, "__dict__", {}).get("_ocr_error")
        if type(number) is int:  # the suite's own, on its way back
            return {"o": number}
        if isinstance(error, data.Cannot):
            return {"cannot": str(error)}
        try:
            text = str(error)
        except BaseException:
            text = ""
        cls = type(error)
        described = peer.exception_name(cls) or self.handle(cls, encoder)
        args = []
        for value in error.args if type(error.args) is tuple else ():
            args.append(encoder.encode(value))
        fields = {}
        for name, value in vars(error).items():
            if type(value) in data.SCALARS or type(value) in (list, tuple, dict, set):
                fields[name] = encoder.encode(value)
        for name in ("errno", "strerror", "filename", "code", "value", "name", "obj"):
            if type(value := getattr(error, name, None)) in data.SCALARS:
                fields.setdefault(name, encoder.encode(value))
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return {
            "c": described, "a": args, "s": str(text), "f": fields,
            "cause": self.encode_error(cause, encoder) if type(cause) is not type(None) and _goes_on(encoder) else None,
            "explicit": error.__cause__ is not None,
        }  # fmt: skip

    def decode_error(self, encoded, decoder):
        cls = peer.exception_class(encoded["c"]) if encoded["c"] else Exception
        if encoded.get("name"):
            cls = type(encoded["name"], (cls,), {})
        args = [decoder.decode(value) for value in encoded["a"]]
        error = cls.__new__(cls, *args)
        error.args = tuple(args)
        if encoded["o"] is not None:
            error.__dict__["_ocr_error"] = encoded["o"]
        return error

    # ---- the suite's own objects, which are called back ---------------------------------------------------------------

    def _proxy(self, encoded):
        _, number, kind, name = encoded if len(encoded) == 4 else (*encoded, None, None)
        if number not in self._proxies:
            made = {"f": self._function_proxy, "it": proxies.Iterator, "o": proxies.Object}[kind]
            proxy = made(self, number) if kind != "f" else made(number, name)
            if kind == "f":
                proxy._ocr_proxy = number
            self._proxies[number] = proxy
        return self._proxies[number]

    def _function_proxy(self, number, name):
        def called(*args, **kwargs):
            return self.request("call", number, None, args, kwargs)

        called.__name__ = called.__qualname__ = name or "function"
        called.__module__ = "test_solution"
        return called


def _content(value, base):
    """The plain data in an object of a subclass of ``base``."""
    if base in (int, bool):
        return int.__add__(value, 0)
    if base in (float, complex):
        return base.__add__(value, base())
    if base in (str, bytes):
        return base.__getitem__(value, slice(None)) if base.__len__(value) else base()
    return base(dict.items(value) if base is dict else base.__iter__(value))


def _goes_on(encoder):
    """Whether the chain of an exception's causes may go on: it is cut at three."""
    encoder.causes = getattr(encoder, "causes", 0) + 1
    return encoder.causes <= 3


def own_builtins():
    """The program's builtins: what it does to them is not done to the code here."""
    own = types.ModuleType("builtins")
    own.__dict__.update(vars(builtins))
    sys.modules["builtins"] = own
    return own


def serve(code, fd, pytest, measured):
    """Answer a suite until it is gone. ``measured``: what measures how much of the program is executed, or null."""
    if pytest:
        sys.stdin = proxies.SuiteInput()
    program = Program(fd, code, measured)
    try:
        program.serve()
    except (peer.Gone, data.Malformed):
        os._exit(0)
