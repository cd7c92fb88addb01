"""What a suite sees in place of the program's functions, classes and objects: shapes whose every use is a request.

A stand-in holds a number and a description. That a comparison or a truth value was the program's own word is noted, since
such an assertion says nothing for certain.
"""

import dataclasses
import inspect
import operator
import sys
import types

from runner.apart.describe import OF_CONTENT, SPECIAL

COMPARISONS = {
    "__eq__": "==", "__ne__": "!=", "__lt__": "<", "__le__": "<=", "__gt__": ">", "__ge__": ">=", "__contains__": "in",
}  # fmt: skip
_OPERATORS = (
    "add", "sub", "mul", "matmul", "truediv", "floordiv", "mod", "divmod", "pow", "lshift", "rshift", "and", "xor", "or",
)  # fmt: skip
ARITHMETIC = {f"__{prefix}{name}__" for name in _OPERATORS for prefix in ("", "r", "i")}
_UNFORWARDED = {
    "__hash__", "__bool__", "__eq__", "__ne__", "__copy__", "__deepcopy__", "__await__", "__aiter__", "__anext__", "__dir__",
}  # fmt: skip
_OF_SEQUENCES = {"__len__", "__iter__", "__getitem__"}
_KINDS = inspect.Parameter
show_signatures = False  # making them costs more than most calls, and few suites look


class StandIn:
    """An object of the program's."""

    __slots__ = ("__weakref__", "_ocr_handle")
    _ocr_suite = _ocr_name = None
    _ocr_plain = False  # whether it compares as the plain data in it does

    def __getattr__(self, name):
        if name in ("_ocr_handle", "__wrapped__") or name.startswith("__array_"):  # NumPy would leave its functions to it
            raise AttributeError(name)
        self._ocr_suite.uses_attributes()
        self._ocr_suite.doubts(self, name)
        return self._ocr_suite.request("get", self._ocr_handle, name)

    def __setattr__(self, name, value):
        self._ocr_suite.uses_attributes()
        self._ocr_suite.request("set", self._ocr_handle, name, [value])

    def __delattr__(self, name):
        self._ocr_suite.request("del", self._ocr_handle, name)

    def __copy__(self):
        return self._ocr_suite.request("copy", self._ocr_handle)

    def __deepcopy__(self, memo):
        return self._ocr_suite.request("deepcopy", self._ocr_handle)

    def __eq__(self, other):
        if self is other:
            self._ocr_suite.distrust("objects of the program's own were compared")
            return True
        return NotImplemented

    __hash__ = object.__hash__


class Member(StandIn):
    """A member of an enumeration of the program's: known beforehand by name and value, so that comparing it is no question."""

    __slots__ = ("name", "value")

    def __setattr__(self, name, value):
        raise AttributeError(name)

    def __eq__(self, other):
        return True if self is other else NotImplemented

    __hash__ = object.__hash__

    def __repr__(self):
        return f"<{type(self).__name__}.{self.name}: {self.value!r}>"

    def __str__(self):
        return f"{type(self).__name__}.{self.name}"


class MixedMember(Member):
    """One that is a number or a string as well, and compares like its value."""

    __slots__ = ()

    def __hash__(self):
        return hash(self.value)

    def __index__(self):
        return self.value.__index__()

    __int__ = __index__

    def __float__(self):
        return float(self.value)


def _of_value(operation):
    def compared(self, other):
        return operation(self.value, other.value if isinstance(other, Member) else other)

    return compared


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(MixedMember, f"__{_name}__", _of_value(getattr(operator, _name)))
_MIXED = {"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__", "__index__", "__int__", "__float__", "__bool__"}


class Meta(type):
    """A class of the program's: calling it, its attributes, and iterating over it are requests."""

    def __new__(meta, name, bases, fields, suite=None, number=None):
        if suite is None:
            for base in bases:
                if isinstance(base, Meta):
                    base._ocr_suite.abandon("the suite derives a class from one of the program's")
        fields["_ocr_suite"], fields["_ocr_class"] = suite, number
        return super().__new__(meta, name, bases, fields)

    def __init__(cls, name, bases, fields, suite=None, number=None):
        super().__init__(name, bases, fields)

    def __call__(cls, *args, **kwargs):
        cls._ocr_suite.makes_objects = True
        cls._ocr_suite.called.add(cls)
        return cls._ocr_suite.request("call", cls._ocr_class, None, args, kwargs)

    def __getattr__(cls, name):
        if name.startswith("__array_") or name in (
            "__wrapped__",
            "__test__",
            "__unittest_skip__",
            "pytestmark",
            "__signature__",
            "__text_signature__",
        ):
            raise AttributeError(name)
        members = cls.__dict__.get("_ocr_members")
        if members and name in members:
            return members[name]
        return cls._ocr_suite.request("get", cls._ocr_class, name)

    def __setattr__(cls, name, value):
        if name.startswith("_ocr") or (name.startswith("__") and name.endswith("__")):
            return type.__setattr__(cls, name, value)
        return cls._ocr_suite.request("set", cls._ocr_class, name, [value])

    def __delattr__(cls, name):
        cls._ocr_suite.request("del", cls._ocr_class, name)

    def __iter__(cls):
        members = cls.__dict__.get("_ocr_members")
        return iter(list(members.values())) if members else cls._ocr_suite.request("special", cls._ocr_class, "__iter__", [None])

    def __len__(cls):
        return len(list(iter(cls)))

    def __bool__(cls):
        return True

    def __getitem__(cls, key):
        members = cls.__dict__.get("_ocr_members")
        return members[key] if members else cls._ocr_suite.request("special", cls._ocr_class, "__getitem__", [key])

    def __contains__(cls, value):
        members = cls.__dict__.get("_ocr_members") or {}
        return any(value is member for member in members.values())


def make_class(suite, number, facts, bases):
    """The stand-in of a class from its description; ``bases``: what its own bases are here."""
    errors = [base for base in bases if isinstance(base, type) and issubclass(base, BaseException)]
    fields = {"__module__": "solution", "__qualname__": str(facts["qual"]), "__doc__": facts["doc"]}
    if facts["error"]:
        bases = tuple(errors) or (Exception,)
        fields["__str__"] = _error_text
    else:
        mine = tuple(base for base in bases if isinstance(base, Meta) and issubclass(base, StandIn))
        mixed = facts["mixed"] is True
        bases = mine or ((MixedMember if mixed else Member,) if facts["members"] is not None else (StandIn,))
        fields["__slots__"] = ()
        special = SPECIAL & set(facts["special"]) - (_MIXED if mixed else set())
        fields |= _special_methods(special, bool(facts["unhashable"]), facts["members"] is not None and not mixed)
        fields |= {name: _of_content(name) for name in OF_CONTENT & set(facts["content"])}
        if "__len__" in facts["content"] and "__bool__" not in special:
            fields["__bool__"] = lambda self: bool(_content(self))
        fields["_ocr_plain"] = "__eq__" in facts["content"]
        if facts["fields"]:
            fields["__dataclass_fields__"] = {str(name): _dataclass_field(str(name)) for name in facts["fields"]}
    for name, function in facts["methods"].items():
        if not (name.startswith("__") and name.endswith("__")):
            fields[str(name)] = _method(str(name), function)
    return Meta(str(facts["name"]), bases, fields, suite=suite, number=number)


def _error_text(self):
    text = self.__dict__.get("_ocr_text")
    return text if text is not None else BaseException.__str__(self)


def _method(name, facts):
    def method(self, *args, **kwargs):
        if not isinstance(self, StandIn):  # of the class, with an object as first argument; or of an exception
            raise TypeError(f"{name}() needs an object of the program's")
        self._ocr_suite.doubts(self, name)
        return self._ocr_suite.request("method", self._ocr_handle, name, args, kwargs)

    return dressed(method, facts)


def _special_methods(names, unhashable, member):
    fields = {}
    for name in names - _UNFORWARDED:
        fields[name] = _compared(name) if name in COMPARISONS else _forwarded(name)
    if member:
        return {name: value for name, value in fields.items() if name not in ("__str__", "__repr__", "__format__", "__dir__")}
    for name in names & {"__eq__", "__ne__"}:
        fields[name] = _compared(name)
    if "__bool__" in names or "__len__" in names:
        fields["__bool__"] = _truth("__bool__" if "__bool__" in names else "__len__")
    if unhashable:
        fields["__hash__"] = None
    elif "__hash__" in names:
        fields["__hash__"] = _forwarded("__hash__")
    elif "__eq__" in fields:
        fields["__hash__"] = object.__hash__
    if "__await__" in names or "__anext__" in names or "__aiter__" in names:
        fields["_ocr_asynchronous"] = True
    return fields


def _forwarded(name):
    def special(self, *args, **kwargs):
        suite = self._ocr_suite
        if name in ARITHMETIC:  # 4 - x, then abs: an object that says 0 is as near to everything as one that equals everything
            suite.distrust(f"{type(self).__name__}'s own {name} was asked")
        elif name in _OF_SEQUENCES and sys._getframe(1).f_globals.get("__name__") == "_pytest.python_api":
            suite.distrust(f"{type(self).__name__}'s own {name} was asked by approx")
        answer = suite.request("special", self._ocr_handle, name, args, kwargs)
        error = args[1] if name in ("__exit__", "__aexit__") and len(args) == 3 else None
        if error is not None:
            if name == "__aexit__":
                return _asynchronous_exit(self, answer, error)
            if answer:
                suite.passed_over(self, error)
        return answer

    special.__name__ = special.__qualname__ = name
    return special


async def _asynchronous_exit(self, answer, error):
    if passed_over := await answer:
        self._ocr_suite.passed_over(self, error)
    return passed_over


def _compared(name):
    def compared(self, other):
        suite = self._ocr_suite
        answer = suite.request("special", self._ocr_handle, name, [other])
        if answer is not NotImplemented:
            suite.distrust(f"{type(self).__name__}'s own {COMPARISONS[name]} decided a comparison")
        return answer

    compared.__name__ = compared.__qualname__ = name
    return compared


def _of_content(name):
    """An operation on an object of a subclass of list, say, that says nothing of it: done here, on the plain data in it."""

    def done(self, *others):
        function = getattr(type(content := _content(self)), name, None)
        return NotImplemented if function is None else function(content, *map(_content, others))

    done.__name__ = done.__qualname__ = name
    return done


def _content(value):
    if not (isinstance(value, StandIn) and value._ocr_plain):
        return value
    content = value._ocr_suite.request("content", value._ocr_handle)
    if isinstance(content, StandIn):
        value._ocr_suite.distrust(f"{type(value).__name__} is no plain data")
    return content


def _dataclass_field(name):
    """So that ``dataclasses.fields`` and ``asdict`` find the attributes to ask for."""
    field = dataclasses.field()
    field.name, field.type, field._field_type = name, object, dataclasses._FIELD
    return field


def _truth(name):
    def truth(self):
        suite = self._ocr_suite
        suite.distrust(f"{type(self).__name__}'s own {name} decided whether it is true")
        return bool(suite.request("special", self._ocr_handle, name))

    return truth


def make_function(suite, number, facts):
    """The stand-in of a function: a function, so that it looks like one."""
    if facts["flags"] & 0x80:

        async def standin(*args, **kwargs):
            return await suite.request("call", number, None, args, kwargs)

    else:

        def standin(*args, **kwargs):
            return suite.request("call", number, None, args, kwargs)

    standin.__dict__["_ocr_handle"] = number
    return dressed(standin, facts, bound=bool(facts["bound"]))


def dressed(function, facts, bound=False):
    """Name, docstring and signature of the program's function on a stand-in."""
    name = str(facts["name"])
    function.__name__, function.__qualname__, function.__module__ = name, name, "solution"
    function.__doc__ = facts["doc"]
    if "parameters" in facts:
        function.__annotations__ = {str(key): str(value) for key, value in facts["notes"].items()}
        if show_signatures:
            function.__signature__ = signature(facts, bound)
    return function


def signature(facts, bound=False):
    """The ``inspect.Signature`` of a description."""
    names = list(facts["parameters"])
    positional_only, positional, keyword, star, double = facts["counts"]
    kinds = [_KINDS.POSITIONAL_ONLY] * positional_only + [_KINDS.POSITIONAL_OR_KEYWORD] * (positional - positional_only)
    kinds += [_KINDS.KEYWORD_ONLY] * keyword
    parameters = [_KINDS(str(name), kind) for name, kind in zip(names, kinds, strict=False)]
    if facts["defaults"]:
        start = positional - facts["defaults"]
        parameters[start:positional] = [parameter.replace(default=...) for parameter in parameters[start:positional]]
    rest = names[len(parameters) :]
    if star:
        parameters.insert(positional, _KINDS(str(rest.pop(0)), _KINDS.VAR_POSITIONAL))
    if double:
        parameters.append(_KINDS(str(rest.pop(0)), _KINDS.VAR_KEYWORD))
    return inspect.Signature(parameters[1:] if bound else parameters)


class Module(types.ModuleType):
    """``solution``: its names are asked for when they are used."""

    def __getattr__(self, name):
        suite = self.__dict__["_ocr_suite"]
        if name == "__all__":
            return suite.exported(suite.public())
        if name in ("__path__", "__wrapped__", "__warningregistry__", "__test__", "pytestmark") or name.startswith("pytest_"):
            raise AttributeError(name)
        return suite.name(name)

    def __setattr__(self, name, value):
        if name.startswith("__"):
            return super().__setattr__(name, value)
        return self.__dict__["_ocr_suite"].set_name(name, value)

    def __delattr__(self, name):
        self.__dict__["_ocr_suite"].delete_name(name)

    def __dir__(self):
        return self.__dict__["_ocr_suite"].public()
