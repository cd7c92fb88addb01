"""``make bench``: figures as ratios measured in one run, absolute ones for orientation. No test: nothing here can fail.

``python -m tests.benchmarks`` runs every part, ``python -m tests.benchmarks sandbox lake`` those named; ``python -m tests.benchmarks flat
[programs]`` is the long one: memory and descriptors of the sandbox over 100,000 programs.
"""

import functools
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ocr_assets import samples
from ocr_assets.generation.parse import parse
from resources.tokenizer import QwenTokenizer
from tests.benchmarks import sandbox as bench_sandbox


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """Seconds since the block began."""
    start = time.perf_counter()
    yield lambda: time.perf_counter() - start


def texts() -> None:
    """Parsing and token counting over the recorded responses."""
    contents = [path.read_text() for path in samples.RESPONSES.rglob("*.md")] * 20
    size = sum(len(text.encode()) for text in contents) / 1e6
    with timed() as seconds:
        for text in contents:
            parse(text, None, "stop", "python", None)
        print(f"parsing                      {len(contents) / seconds():8.0f} responses/s")
    tokenizer = QwenTokenizer()
    tokenizer.count(contents[:10])
    with timed() as seconds:
        tokenizer.count(contents)
        print(f"tokens                       {size / seconds():8.1f} MB/s")


def parts() -> dict[str, Callable[[], object]]:
    """The parts of the benchmark by name, in order: the sandbox, data, and the modules beside, each in a
    process of its own, so that peaks of memory are theirs."""
    found: dict[str, Callable[[], object]] = {"sandbox": bench_sandbox.main, "texts": texts}
    for name in ("slow", "lake", "problems", "models", "verdicts", "viewer", "rewards", "ray", "cluster"):
        found[name] = functools.partial(subprocess.run, [sys.executable, "-m", f"tests.benchmarks.{name}"], check=True)
    return found


def main(arguments: list[str]) -> None:
    """Run the parts named, or all. Exits with the names there are where one is unknown."""
    if arguments[:1] == ["flat"]:
        bench_sandbox.flat(*map(int, arguments[1:2]))
        return
    every = parts()
    if unknown := set(arguments) - set(every):
        raise SystemExit(f"no part named {', '.join(sorted(unknown))}; there are: {', '.join(every)}, flat")
    for name in arguments or every:
        every[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
