"""What the program sees of the suite's own functions and objects: proxies that call back. And of a stdin under pytest."""


class SuiteInput:
    """stdin under pytest: nothing is to be read."""

    encoding, closed, errors, newlines, buffer = "utf-8", False, None, None, None

    def read(self, *_):
        raise OSError("pytest: reading from stdin while output is captured! Consider using `-s`.")

    readline = readlines = __next__ = read

    def __iter__(self):
        return self

    def fileno(self):
        raise OSError("redirected stdin is pseudofile, has no fileno()")

    def isatty(self):
        return False


class Iterator:
    """An iterator of the suite's."""

    def __init__(self, program, number):
        self._ocr_program, self._ocr_proxy = program, number

    def __iter__(self):
        return self

    def __next__(self):
        return self._ocr_program.request("next", self._ocr_proxy)


class Object:
    """An object of the suite's: a mock, a stream, an instance of a class the suite defines."""

    def __init__(self, program, number):
        object.__setattr__(self, "_ocr_program", program)
        object.__setattr__(self, "_ocr_proxy", number)

    def __getattr__(self, name):
        return self._ocr_program.request("get", self._ocr_proxy, name)

    def __setattr__(self, name, value):
        self._ocr_program.request("set", self._ocr_proxy, name, [value])

    def __call__(self, *args, **kwargs):
        return self._ocr_program.request("call", self._ocr_proxy, None, args, kwargs)


def _special_of_object(name):
    def method(self, *args):
        return self._ocr_program.request("special", self._ocr_proxy, name, args)

    return method


for _name in (
    "__enter__", "__exit__", "__iter__", "__next__", "__len__", "__getitem__", "__setitem__", "__contains__", "__lt__", "__le__",
    "__gt__", "__ge__", "__add__", "__sub__", "__mul__", "__str__", "__int__", "__float__", "__index__", "__bool__",
):  # fmt: skip
    setattr(Object, _name, _special_of_object(_name))
KINDS = (Iterator, Object)
