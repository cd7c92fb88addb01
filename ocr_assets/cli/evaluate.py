"""``ocr-assets evaluate``: published samples on a benchmark judged again, without a model. File formats: docs/evaluation.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ocr_assets.cli import Refused
from ocr_assets.cli.files import FILE, output_option, refuse_overwriting
from ocr_assets.cli.project import resources
from ocr_assets.cli.verify import verdict_columns

if TYPE_CHECKING:
    from ocr_assets.evaluation.benchmarks import Benchmark, Selection
    from ocr_assets.evaluation.rescoring import Reading, Tally
    from ocr_assets.grading.files import Counts
    from ocr_assets.schema import Language
    from resources.sandbox.pool import Pool

DEPTHS = (1, 5, 10, 100)
DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.argument("samples", type=FILE)
@click.option("-b", "--benchmark", "name", required=True, help="livecodebench, humaneval_plus …; all names: docs/evaluation.md.")
@click.option(
    "--files", type=click.Path(exists=True, path_type=Path), help="The benchmark's file or folder; without it, the Hub is asked."
)
@output_option
@click.option("--since", type=DAY, help="Only contests from this day on.")
@click.option("--until", type=DAY, help="Only contests up to this day.")
@click.option("--version", help="Of LiveCodeBench: release_v1 … release_v6.")
@click.option("--subset", help="A part of the benchmark, as docs/evaluation.md names it.")
@click.option("--variant", help="How completions were asked for, as docs/evaluation.md names it.")
@click.option(
    "--extraction",
    type=click.Choice(["ours", "published", "both"]),
    default="ours",
    show_default=True,
    help="How programs are taken out of answers.",
)
@click.option("--language", type=click.Choice(["python", "cpp"]), help="Of samples that do not say theirs.")
def evaluate(
    samples: Path,
    name: str,
    files: Path | None,
    output: str,
    since: datetime | None,
    until: datetime | None,
    version: str | None,
    subset: str | None,
    variant: str | None,
    extraction: str,
    language: Language | None,
) -> None:
    """Judge published samples on a benchmark again, in the sandbox.

    One row for each program of SAMPLES and each suite of its problem, in order, as `ocr-assets verify` writes them, and pass@k
    with its standard error over problems at the end. With -o, each verdict is on disk as soon as it is known (OUTPUT.known), and
    calling again judges only what is missing or was changed. Rows that cannot be used are named and left out: exit code 2. Exit
    code 1 if a sandbox failed.
    """
    from ocr_assets.evaluation.benchmarks import BENCHMARKS, Selection, WrongBenchmark
    from ocr_assets.evaluation.rescoring import Reading, Tally
    from ocr_assets.grading.files import Counts
    from resources.sandbox.api import SandboxFault, SandboxUnavailable

    benchmark = BENCHMARKS.get(name)
    if benchmark is None:
        raise Refused(f"no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    if subset is not None and subset not in benchmark.subsets:
        raise Refused(f"{name} has no subset {subset!r}; {_listed(benchmark.subsets)}")
    if variant is not None and variant not in benchmark.variants:
        raise Refused(f"{name} has no variant {variant!r}; {_listed(benchmark.variants)}")
    if language is not None and language not in benchmark.languages:
        raise Refused(f"{name} is not asked in {language}; {_listed(benchmark.languages)}")
    refuse_overwriting([samples], output)
    if version is not None and not benchmark.has_releases:
        raise Refused(f"{name} has no versions; leave --version out")
    window = Selection(since.date() if since else None, until.date() if until else None, version, subset, variant)
    counts, tally, reading = Counts(), Tally(benchmark.metrics), Reading()
    try:
        found = _files(benchmark, files, version)
        refuse_overwriting(found, output)
        with resources()["sandbox"].opened(image=benchmark.image) as pool:
            rows = _Rows(benchmark, found, samples, window, extraction, language or benchmark.languages[0], reading)
            problems = rows.write(output, pool, counts, tally)
    except WrongBenchmark as error:
        raise Refused(str(error)) from error
    except (SandboxUnavailable, SandboxFault) as error:
        raise click.ClickException(str(error)) from error
    for refused in counts.refused:
        click.echo(f"Error: {refused}", err=True)
    for line in _report(benchmark, tally, problems, reading):
        click.echo(line, err=True)
    if counts.refused:
        raise SystemExit(Refused.exit_code)
    if counts.faults:
        click.echo(f"{counts.faults:,} programs without a verdict; call again to judge them", err=True)
        raise SystemExit(1)


class _Rows:
    """The rows of the output, made as the samples are judged."""

    def __init__(
        self, benchmark: Benchmark, files: Sequence[Path], samples: Path, window: Selection, extraction: str, language: Language,
        reading: Any,
    ) -> None:  # fmt: skip
        self._benchmark, self._files, self._samples, self._window = benchmark, files, samples, window
        self._styles, self._language, self._reading = _styles(extraction), language, reading

    def write(self, output: str, pool: Pool, counts: Counts, tally: Tally) -> int:
        """Judge and write all; returns how many problems the samples are of."""
        from dataclasses import replace

        from tqdm import tqdm

        from ocr_assets.evaluation.rescoring import TEXT_FIELDS, solutions, task_ids, tasks_of
        from ocr_assets.grading.files import Suites, Verifier, in_order
        from ocr_assets.grading.known_verdicts import KnownVerdicts
        from ocr_assets.grading.settings import GradingSettings
        from ocr_assets.platform.row_files import write_lines, write_rows

        suites = Suites()
        wanted = replace(self._window, task_ids=task_ids(self._samples), passed_over=self._reading.without_samples)
        tasks = tasks_of(self._benchmark, self._files, wanted, pool, suites)
        windowed = any((self._window.since, self._window.until, self._window.version, self._window.subset))

        def programs(verifier: Verifier) -> Iterator[dict[str, Any]]:
            return solutions(
                self._samples, tasks, self._styles, self._language, verifier.refuse, self._reading, windowed=windowed
            )

        def tallied(rows: Iterator[dict[str, Any]]) -> Iterator[Mapping[str, Any]]:
            for row in rows:
                tally.add(row)
                yield row

        settings = GradingSettings()
        with tqdm(unit=" programs", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:
            if output == "-":
                verifier = Verifier(suites, self._benchmark.name, pool, settings, counts, None)
                rows = pool.map(verifier.row, programs(verifier))
                write_lines(tallied(map(verifier.counted, rows)), sys.stdout.buffer)
                return len(tasks)
            with KnownVerdicts(Path(output)) as known:
                verifier = Verifier(suites, self._benchmark.name, pool, settings, counts, known)
                rows = in_order(verifier, programs(verifier), pool, known, bar.update)
                write_rows(tallied(rows), Path(output), verdict_columns(self._samples, TEXT_FIELDS))
                if not counts.refused:  # else rows that were judged before may be missing from the output
                    known.remove()
        return len(tasks)


def _styles(extraction: str) -> Any:
    return ("ours", "published") if extraction == "both" else (extraction,)


def _files(benchmark: Benchmark, folder: Path | None, version: str | None) -> list[Path]:
    """The benchmark's files: those given, else from the Hub."""
    from ocr_assets.evaluation.benchmarks import files_in
    from resources.hub import HubUnavailable, fetch

    if folder is not None:
        return files_in(folder)
    if benchmark.hub is None:
        raise Refused(f"{benchmark.name} is not on the Hub; give its file from {benchmark.published_at} with --files")
    name, patterns = benchmark.hub
    try:
        return files_in(fetch(benchmark.name, f"hub:{name}", resources()["lake"].cache, patterns))
    except HubUnavailable as error:
        raise click.ClickException(f"{error}".partition("; give a folder")[0] + "; give its files with --files") from error


def _report(benchmark: Benchmark, tally: Tally, problems: int, reading: Reading) -> Iterator[str]:
    """What the verdicts add up to, as lines."""
    left_out = f", {reading.outside:,} samples of problems outside the selection left out" if reading.outside else ""
    yield f"{benchmark.title}: {reading.samples:,} samples of {problems:,} problems{left_out}"
    if others := len(reading.without_samples):
        yield f"  {others:,} more problems of the benchmark have no samples here, and count for nothing below"
    for figure in tally.figures(DEPTHS):
        found = figure.estimate
        error = "" if found.standard_error is None else f" ± {100 * found.standard_error:.1f}"
        missing = f", {figure.without_verdict:,} samples without a verdict" if figure.without_verdict else ""
        group = "" if figure.group == "all" else f" {figure.group}"
        yield (
            f"  {figure.metric}{group} ({figure.extraction}) pass@{figure.k}: {100 * found.value:.1f}{error} "
            f"({100 * found.low:.1f} to {100 * found.high:.1f}; {found.problems:,} problems{missing})"
        )
    for extraction, tasks in tally.points().items():
        sums = {rule: sum(getattr(score, rule) for score in tasks.values()) for rule in ("published", "honest", "unlimited")}
        yield (
            f"  points ({extraction}) of {len(tasks):,} tasks: {sums['honest']:.2f} where the first 50 submissions count, "
            f"{sums['published']:.2f} where the best 50 do, {sums['unlimited']:.2f} where all do"
        )
    for metric in benchmark.metrics:
        if (difference := tally.difference(metric)) is not None:
            error = "" if difference.standard_error is None else f" ± {100 * difference.standard_error:.1f}"
            yield f"  {metric}: our extraction finds {100 * difference.value:+.1f}{error} points against the published one"


def _listed(names: Sequence[str]) -> str:
    return f"there are {', '.join(names)}" if names else "there are none"
