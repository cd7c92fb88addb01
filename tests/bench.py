"""``make bench``: figures as ratios measured in one run, absolute ones for orientation. No test: nothing here can fail.

Sandbox throughput against bare, unsandboxed Python; parsing, tokens and lake writes a second.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ocr_assets import samples
from ocr_assets.records import TOKEN_COUNTS
from ocr_assets.traces.parsing import parse
from resources.lake import Lake, RunInfo
from resources.sandbox.api import Program, Run, RunLimits
from resources.sandbox.docker_pool import DockerSandbox
from resources.tokenizer import QwenTokenizer

CODE = "a, b = map(int, input().split())\nprint(a + b)\n"
CPP = "#include <bits/stdc++.h>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b << '\\n'; }\n"


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """Seconds since the block began."""
    start = time.perf_counter()
    yield lambda: time.perf_counter() - start


def sandbox() -> None:
    """Programs of ten tests and of one, against a bare interpreter a test and `docker run` a test."""
    limits = RunLimits(cpu_s=2, wall_s=10)
    with DockerSandbox() as pool:
        pool.execute(Program("python", CODE, [Run(stdin=b"1 2")], limits))

        def rate(tests: int, programs: int, language: str = "python", code: str = CODE) -> float:
            program = Program(language, code, [Run(stdin=b"1 2\n")] * tests, limits)  # type: ignore[arg-type]
            with timed() as seconds:
                list(pool.map(lambda _: pool.execute(program), range(programs)))
                return tests * programs / seconds()

        ten, one = rate(10, 100), rate(1, 200)
        compiled, binaries = rate(1, 20, "cpp", CPP), rate(200, 4, "cpp", CPP)
        with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
            file.write(CODE)
            file.flush()

            def bare(_: object) -> None:
                subprocess.run([sys.executable, "-I", "-S", file.name], input=b"1 2\n", stdout=subprocess.DEVNULL, check=True)

            with timed() as seconds:
                list(pool.map(bare, range(200)))
                floor = 200 / seconds()
        with timed() as seconds:
            image = pool.image.partition("@")[0]
            for _ in range(5):
                command = ["docker", "run", "--rm", "--network", "none", "--entrypoint", "python3", image, "-c", "print(3)"]
                subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            docker_run = 5 / seconds()
    print(f"python, 10 tests a program   {ten:8.0f} tests/s   {ten / floor:5.1f} x bare   {ten / docker_run:6.0f} x docker run")
    print(f"python, 1 test a program     {one:8.0f} tests/s   {one / floor:5.1f} x bare   {one / docker_run:6.0f} x docker run")
    print(f"C++, compile and one run     {compiled:8.1f} programs/s")
    print(f"C++, runs of a binary        {binaries:8.0f} runs/s")
    print(f"bare python3 -I -S           {floor:8.0f} tests/s;  docker run {docker_run:.1f} tests/s")


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


def lake() -> None:
    """Rows appended and found equal again."""
    rows = [
        {"triplet_id": f"t{n}", "question_tokens": n, "reasoning_tokens": n, "solution_tokens": n, "response_tokens": n}
        for n in range(200_000)
    ]
    with tempfile.TemporaryDirectory() as folder, Lake(Path(folder), tables=[TOKEN_COUNTS]) as store:
        for what in ("lake, append", "lake, sync of equal rows"):
            with timed() as seconds:
                with store.write(RunInfo("bench"), "bench") as write:
                    write.sync(TOKEN_COUNTS, rows)
                print(f"{what:<28} {len(rows) / seconds():8.0f} rows/s")


if __name__ == "__main__":
    for part in (sandbox, texts, lake):
        part()
