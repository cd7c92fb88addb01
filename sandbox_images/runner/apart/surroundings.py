"""What a suite may change in its own process that the program would see in a shared one: stdin, arguments, environment, seeds,
functions of the standard library that it replaces."""

import builtins
import io
import os
import random
import sys
import time

from runner.apart import data

_PATCHABLE = [
    (builtins, ("input", "open", "print")),
    (time, ("sleep", "time", "perf_counter", "monotonic", "process_time")),
    (random, ("random", "randint", "choice", "choices", "shuffle", "sample", "uniform", "randrange", "gauss", "getrandbits")),
]


_OF_PYTEST = b"PYTEST_"  # the name of the test that runs, in which its parameters stand, expected values among them


class Surroundings:
    """Compares the process with what it was, before each call of the program's."""

    def __init__(self):
        self._argv, self._environ = list(sys.argv), dict(os.environ._data)
        self._originals = [(module, name, getattr(module, name)) for module, names in _PATCHABLE for name in names]
        self._replaced = {}
        self._stdin, self._stdin_given = sys.stdin, None
        self._seeds = {}
        self._recursion = sys.getrecursionlimit()
        self._watch_seed(random, "seed")
        if "numpy" in sys.modules:
            self._watch_seed(sys.modules["numpy"].random, "numpy seed")

    def changed(self):
        """What has changed since the last call, by field; see ``Program.note``."""
        fields, self._seeds = self._seeds, {}
        if sys.argv != self._argv:
            self._argv = fields["argv"] = list(sys.argv)
        environ = {name: value for name, value in os.environ._data.items() if not name.startswith(_OF_PYTEST)}
        if environ != self._environ:
            self._environ = environ
            fields["environ"] = {os.fsdecode(name): os.fsdecode(value) for name, value in environ.items()}
        if sys.getrecursionlimit() != self._recursion:
            self._recursion = fields["recursion"] = sys.getrecursionlimit()
        stdin = sys.stdin if sys.stdin is not self._stdin and _holds_text(sys.stdin) else None
        if stdin is not self._stdin_given:
            self._stdin_given = fields["stdin"] = stdin
        return fields

    def replaced(self):
        """Functions replaced since the last call: (module, name, [what stands there now]); an empty list where the original is
        back."""
        found = []
        for module, name, original in self._originals:
            now = getattr(module, name)
            if now is not self._replaced.get((module, name), original):
                self._replaced[module, name] = now
                found.append((module, name, [] if now is original else [now]))
        return found

    def _watch_seed(self, module, field):
        original = module.seed

        def seed(*args, **kwargs):
            if not kwargs and all(type(value) in data.SCALARS for value in args):
                self._seeds[field] = list(args)
            return original(*args, **kwargs)

        module.seed = seed


def _holds_text(stream):
    """Whether it is a stream a suite has made, and not one of pytest's own."""
    return isinstance(stream, io.StringIO) or (
        isinstance(stream, io.TextIOWrapper) and isinstance(getattr(stream, "buffer", None), io.BytesIO)
    )
