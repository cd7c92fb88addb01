"""How much of a program its tests execute: statements and branches, by coverage.py, in the program's own process.

A zygote loads coverage.py and uses it once, as another does with pytest, so that a run pays for tracing and nothing else. What
comes out is the program's own word, as all is that comes from its process: a fact to record, never a part of a verdict.
"""

import contextlib
import os
import tempfile

MAIN_GUARD = r"if __name__ == .__main__.:"  # no test that imports a program gets there
NOTHING = "(?!)"  # where there is no pattern at all, coverage.py 6 takes every line for matched
_loaded = []  # the module coverage, in a zygote that has it and all that is forked from it


def load():
    """Have coverage.py ready, with the modules that it imports late. None where it is not installed."""
    with contextlib.suppress(ImportError), tempfile.TemporaryDirectory(prefix="box") as folder:
        import coverage

        _loaded.append(coverage)
        here = os.getcwd()
        os.chdir(folder)
        source = b"def f(x):\n    return 1 if x else 2\n\nif f(1):\n    f(0)\n"
        cover = Cover(source)
        exec(compile(source, "main.py", "exec"), {"__name__": "main"})
        cover.report()
        os.chdir(here)


def begin(source):
    """What measures the program that is about to be loaded, or None in a process that is not to measure."""
    return Cover(source) if _loaded else None


class Cover:
    """Measures the code compiled as ``main.py`` from here on. ``source``: its bytes."""

    def __init__(self, source):
        self._source, self._path = source, os.path.abspath("main.py")
        self._measured = _loaded[0].Coverage(data_file=None, branch=True, config_file=False, include=["*/main.py"])
        for kind, pattern in (("exclude", MAIN_GUARD), ("partial", NOTHING)):
            self._measured.clear_exclude(kind)  # by default a program may say itself what of it need not be executed
            self._measured.exclude(pattern, kind)
        self._measured._warn = lambda *args, **kwargs: None
        self._measured.start()

    def report(self):
        """{statements, missing (lines), branches, missing_branches (pairs of lines; to below 0: out of the code)}."""
        self._measured.stop()
        with open(self._path, "wb") as file:
            file.write(self._source)
        found = self._measured._analyze(self._path)
        arcs = found.missing_branch_arcs()
        return {
            "statements": len(found.statements),
            "missing": sorted(found.missing),
            "branches": found.numbers.n_branches,
            "missing_branches": sorted([start, end] for start, ends in arcs.items() for end in ends),
        }


def checked(said):
    """What a process said, if it is a report at all; else None."""
    if not isinstance(said, dict) or set(said) != {"statements", "missing", "branches", "missing_branches"}:
        return None
    counts, lines, arcs = [said["statements"], said["branches"]], said["missing"], said["missing_branches"]
    if not (_numbers(counts) and min(counts) >= 0 and _numbers(lines) and isinstance(arcs, list)):
        return None
    fits = len(lines) <= counts[0] and len(arcs) <= counts[1] and all(_numbers(arc) and len(arc) == 2 for arc in arcs)
    return said if fits else None


def _numbers(value):
    return isinstance(value, list) and all(type(item) is int for item in value)
