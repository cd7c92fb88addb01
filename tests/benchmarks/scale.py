"""From 736,712 responses to a release, as many as OpenCodeReasoning has, or a share of them: what each stage costs beside reading
and tokenizing every byte once.

``python -m tests.benchmarks.scale [SHARE …]`` (``make bench-scale SCALE="0.01 0.1"``). Several shares give a curve: an exponent
of 1 is in proportion, 2 quadratic. Each stage runs as its asset, in a process of its own, so that its peak of memory is its own;
CPU seconds count, since other work on the machine does not change them. Responses have the lengths and words of reasoning traces
(30 KB in the mean, drawn from the bundled corpus by a seed), one of twenty is cut off in a loop. Verdicts are made up: judging is
measured in ``verdicts.py``.
"""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

RESPONSES, PROBLEMS, MEAN_CHARACTERS = 736_712, 28_904, 30_000
CPP_SHARE, LOOPED_SHARE = 0.2, 0.05
WRITTEN_PER_BYTE = 1.6  # traces, solutions and release, compressed, and what a sort spills
STAGES = ("solutions", "verified_triplets", "token_statistics", "subsets", "sft_dataset")
FLOORS = ("read", "tokenize")
MOST_MEMORY = 4 << 30
WAIT = "Wait, but what if n is zero? Then the loop never runs, and the answer is zero. Hmm, let me think again.\n"


def corpus() -> tuple[list[str], dict[str, list[str]]]:
    """Three words at a time out of the bundled reasoning, and whole answers by language."""
    from ocr_assets import samples
    from resources.models.reasoning import separate_reasoning

    phrases: list[str] = []
    answers: dict[str, list[str]] = {"python": [], "cpp": []}
    for path in sorted(samples.RESPONSES.rglob("*.md")):
        parts = separate_reasoning(path.read_text(encoding="utf-8"), None)
        if parts.reasoning and parts.answer:
            words = parts.reasoning.split(" ")
            phrases += [" ".join(words[start : start + 3]) for start in range(0, len(words), 3)]
            for language in answers:
                if f"```{language}" in parts.answer:
                    answers[language].append(parts.answer)
    return [phrase for phrase in phrases if "`" not in phrase and "think>" not in phrase], answers


def responses(count: int, problems: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Rows of ``r1_traces``; ``problems``: of how many."""
    from ocr_assets.schema import R1_TRACES
    from tests.support.rows import row_of

    phrases, answers = corpus()
    characters = sum(map(len, phrases)) / len(phrases) + 1
    plain = row_of(R1_TRACES, model="deepseek-ai/DeepSeek-R1", teacher="endpoint", created_at=datetime.now(UTC))
    for number in range(count):
        draw = random.Random(f"{seed}/{number}")
        language = "cpp" if draw.random() < CPP_SHARE else "python"
        length = min(130_000, draw.lognormvariate(math.log(MEAN_CHARACTERS) - 0.245, 0.7))
        reasoning = " ".join(draw.choices(phrases, k=max(1, int(length / characters))))
        looped = draw.random() < LOOPED_SHARE
        answer = f"\n</think>\n\n{draw.choice(answers[language])}"
        yield plain | {
            "response_id": f"resp_{number:020x}",
            "problem_id": f"prob_{number % problems:020x}",
            "language": language,
            "sample_index": number // problems,
            "think_form": "unclosed" if looped else "both_tags",
            "content": f"<think>\n{reasoning}" + (WAIT * 60 if looped else answer),
            "finish_reason": "length" if looped else "stop",
        }


def fill(home: Path, share: float) -> int:
    """Make a lake with so large a share of problems and responses; returns how many characters of responses that are."""
    import pyarrow as pa

    from ocr_assets.schema import R1_TRACES
    from resources.lake import RunInfo
    from tests.support.lakes import new_lake
    from tests.support.rows import problem, put_problems

    count, problems = max(1, round(RESPONSES * share)), max(1, round(PROBLEMS * share))
    characters = 0
    with new_lake(home / "lake") as lake:
        with lake.write(RunInfo("bench"), "clean_problems") as write:
            levels = ("EASY", "MEDIUM", "HARD", "VERY_HARD", "1400", None)
            sources = ("codeforces", "atcoder", "codechef", "hackerearth", "leetcode")
            put_problems(
                write,
                (
                    problem(n, source=sources[n % 5], difficulty=levels[n % 6], contamination="clean", suite_id=f"suite_{n:020x}")
                    for n in range(problems)
                ),
            )
        rows = responses(count, problems)
        with lake.cursor() as cursor:
            while part := list(islice(rows, 2_000)):
                characters += sum(len(row["content"]) for row in part)
                cursor.register("made", pa.Table.from_batches([R1_TRACES.batch(part)]))
                cursor.execute("INSERT INTO lake.r1_traces FROM made")
                cursor.unregister("made")
    return characters


def judge(home: Path) -> None:
    """Make up a verdict for each solution with code: half of them accepted."""
    from ocr_assets.grading.version import VERSION_OF_VERDICT, parameters
    from ocr_assets.schema import VERDICTS
    from resources.lake import RunInfo
    from tests.support.lakes import new_lake
    from tests.support.rows import row_of

    plain = row_of(VERDICTS, tests_total=1)
    own = {
        "verdict_id": "'ver_' || right(s.solution_id, 20)",
        "solution_id": "s.solution_id",
        "problem_id": "s.problem_id",
        "suite_id": "p.suite_id",
        "language": "s.language",
        "verdict": "v.verdict",
        "tests_passed": "CASE v.verdict WHEN 'accepted' THEN 1 ELSE 0 END",
        "grader_version": VERSION_OF_VERDICT,
        "created_at": "now()",
    }
    literals = {name: "[]" if value == [] else "NULL" if value is None else f"'{value}'" for name, value in plain.items()}
    columns = ", ".join(f'{expression} AS "{name}"' for name, expression in (literals | own).items())
    query = f"""SELECT {columns} FROM (FROM solutions WHERE code IS NOT NULL) s JOIN problems p USING (problem_id)
        JOIN test_suites t USING (suite_id),
        LATERAL (SELECT CASE WHEN hash(s.solution_id) % 2 = 0 THEN 'accepted' ELSE 'wrong_answer' END AS verdict) v"""
    with new_lake(home / "lake") as lake:
        with lake.write(RunInfo("bench"), "verdicts") as write:
            write.append_query(VERDICTS, query, parameters(online_judge=True))


def stage(home: Path, name: str) -> None:
    """Run an asset, or read or tokenize all responses once."""
    from resources.tokenizer import QwenTokenizer
    from tests.support.lakes import new_lake

    if name in FLOORS:
        tokenizer = QwenTokenizer()
        with new_lake(home / "lake") as lake:
            for batch in lake.batches("SELECT content FROM r1_traces", size=256):
                texts = batch.column(0).to_pylist()
                if name == "tokenize":
                    tokenizer.count(texts)
        return
    import dagster as dg

    from ocr_assets.definitions import ASSETS
    from resources.settings import resources_from_environment

    asset = next(asset for asset in ASSETS if asset.key.to_user_string() == name)
    assert dg.materialize([asset], resources=resources_from_environment()).success


def measured(home: Path, name: str) -> dict[str, float]:
    """What a stage costs: CPU and wall seconds beyond those of an empty process, peak of memory and bytes written."""
    before = size_of(home)
    code = (
        "import json, re, resource, time; from pathlib import Path; from tests.benchmarks import scale\n"
        "import dagster, ocr_assets.definitions\n"
        "used = lambda: (lambda u: u.ru_utime + u.ru_stime)(resource.getrusage(resource.RUSAGE_SELF))\n"
        "cpu, wall = used(), time.perf_counter()\n"
        f"scale.stage(Path({str(home)!r}), {name!r})\n"
        "peak = 1024 * int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])\n"
        "print('measured', json.dumps({'cpu': used() - cpu, 'wall': time.perf_counter() - wall, 'peak': peak}))\n"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OCR_", "DAGSTER_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**environment, "OCR_HOME": str(home)}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-4000:]}")
    figures: dict[str, float] = json.loads(done.stdout.rpartition("measured ")[2])
    return {**figures, "written": size_of(home) - before}


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def needed(share: float) -> int:
    """Bytes of disk that a share takes."""
    return int(RESPONSES * share * MEAN_CHARACTERS * WRITTEN_PER_BYTE) + (1 << 30)


def run(share: float, folder: Path) -> dict[str, dict[str, float]]:
    """All stages over so large a share. Returns figures by stage, and ``rows``."""
    free = shutil.disk_usage(folder).free
    if free < needed(share):
        raise SystemExit(f"{share:.2%} takes about {needed(share) >> 20:,} MB of disk, and {folder} has {free >> 20:,} left")
    home = Path(tempfile.mkdtemp(prefix="scale-", dir=folder))
    try:
        begun = time.perf_counter()
        characters = fill(home, share)
        rows = round(RESPONSES * share)
        print(
            f"\n{share:.2%}: {rows:,} responses of {characters / rows:,.0f} characters, {characters / 1e6:,.0f} MB "
            f"({size_of(home) / 1e6:,.0f} on disk), made in {time.perf_counter() - begun:.0f} s",
            flush=True,
        )
        found = {name: measured(home, name) for name in FLOORS}
        read, tokenize = (found[name]["cpu"] for name in FLOORS)
        print(
            f"{'stage':<18} {'CPU s':>8} {'wall s':>8} {'rows/s':>8} {'peak MB':>8} {'wrote MB':>9} {'× read':>7} {'× tokenize':>11}"
        )
        for name in (*FLOORS, *STAGES):
            if name == "verified_triplets":
                judge(home)
            if name not in found:
                found[name] = measured(home, name)
            f = found[name]
            print(
                f"{name:<18} {f['cpu']:>8.1f} {f['wall']:>8.1f} {rows / f['wall']:>8,.0f} {f['peak'] / 2**20:>8,.0f} "
                f"{f['written'] / 1e6:>9,.0f} {f['cpu'] / read:>7.2f} {f['cpu'] / tokenize:>11.2f}"
                + ("   more than 4 GiB" if f["peak"] > MOST_MEMORY else ""),
                flush=True,
            )
        whole = sum(found[name]["cpu"] for name in STAGES)
        print(f"{'all stages':<18} {whole:>8.1f} {'':>44} {whole / (read + tokenize):>19.2f} × reading and tokenizing once")
        return {**found, "rows": {"rows": rows}}
    finally:
        shutil.rmtree(home)


def main(arguments: Sequence[str]) -> None:
    """The shares one after the other, then how each stage grows from the first to the last."""
    shares = sorted(float(argument) for argument in arguments) or [0.01]
    if not all(0 < share <= 1 for share in shares):
        raise SystemExit("give shares above 0, at most 1, such as 0.01")
    found = [run(share, Path(tempfile.gettempdir())) for share in shares]
    if len(found) > 1:
        first, last = found[0], found[-1]
        growth = math.log(last["rows"]["rows"] / first["rows"]["rows"])
        print("\nCPU seconds grow with the rows to the power of (1: in proportion)")
        for name in (*FLOORS, *STAGES):
            print(f"{name:<18} {math.log(last[name]['cpu'] / first[name]['cpu']) / growth:>8.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
