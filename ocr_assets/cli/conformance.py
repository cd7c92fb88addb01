"""``ocr-assets conformance``: the suite against this project's sandbox, or against any other grader."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ocr_assets.cli import Refused
from ocr_assets.cli.project import resources
from ocr_assets.conformance.cases import GROUPS, VERDICTS

if TYPE_CHECKING:
    from ocr_assets.conformance.graders import Grader

OUT = click.File("w", encoding="utf-8", lazy=True)


@click.command()
@click.option("--group", "groups", multiple=True, type=click.Choice(list(GROUPS)), metavar="GROUP", help="Only these groups.")
@click.option("--language", type=click.Choice(["python", "cpp"]), help="Only solutions in this language.")
@click.option("--case", "patterns", multiple=True, metavar="PATTERN", help="Only these cases, e.g. --case 'call/true-*'.")
@click.option(
    "--command", "line", metavar="CMD", help="Ask a command: a case a line on its stdin, or {problem} and {solution} files."
)
@click.option("--http", "url", metavar="URL", help="Ask a service: a POST a case.")
@click.option(
    "--others",
    is_flag=True,
    help="Ask graders that one can install from PyPI, each in a container of its own, and compare them with this project's.",
)
@click.option("--pass-fail", is_flag=True, help="The grader only says passed or not: compare by accepted, not accepted.")
@click.option(
    "--map", "mapped", multiple=True, metavar="THEIRS=OURS", help="What its words mean, e.g. LATE=time_limit,idle_limit."
)
@click.option("--workers", default=0, metavar="N", help="Cases at once; default one a core here, 1 for other graders.")
@click.option("--timeout", default=300.0, show_default=True, help="Seconds another grader may take for a case.")
@click.option("--json", "json_file", type=OUT, help="Write the whole result; - is stdout.")
@click.option("--list", "listed", is_flag=True, help="Print the cases with their right verdicts and reasons; run nothing.")
@click.option("--show", is_flag=True, help="Print the chosen cases in full; run nothing.")
@click.option("--export", type=OUT, help="Write the cases as JSONL, large values written out; run nothing.")
def conformance(
    groups: tuple[str, ...],
    language: str | None,
    patterns: tuple[str, ...],
    line: str | None,
    url: str | None,
    others: bool,
    pass_fail: bool,
    mapped: tuple[str, ...],
    workers: int,
    timeout: float,
    json_file: Any,
    listed: bool,
    show: bool,
    export: Any,
) -> None:
    """Check a grader against verdicts that are right.

    The cases are problems and solutions whose right verdicts are known. Without --command or --http they are judged by this
    project's own sandbox. They attack the grader they are shown to: run others only where a fork bomb or a full disk does no
    harm. Protocols: ocr_assets/conformance/README.md.
    Exit code 1 if a verdict is wrong.
    """
    from ocr_assets.conformance import report
    from ocr_assets.conformance.cases import load

    vocabulary = _vocabulary(mapped, pass_fail)
    if sum(map(bool, (line, url, others))) > 1:
        raise click.UsageError("one of --command, --http and --others")
    cases = load(groups, language, patterns)
    if not cases:
        raise click.UsageError("no case is left by --group, --language and --case")
    if listed or show or export:
        if export:
            export.writelines(json.dumps(case.public(), ensure_ascii=False) + "\n" for case in cases)
        if listed:
            click.echo(report.listing(cases))
        if show:
            click.echo("\n\n".join(map(report.readable, cases)))
        return
    if others:
        _compare([case for case in cases if case.language == "python"], timeout, json_file)
        return
    results = _checked(cases, vocabulary, line, url, workers, timeout)
    if json_file:
        json.dump(report.as_json(results, line or url or "ocr-assets"), json_file, ensure_ascii=False, indent=1)
        json_file.write("\n")
    wrong = sum(result.mark == "wrong" for result in results)
    if wrong:
        click.echo(report.wrong_verdicts(results) + "\n", err=True)
    click.echo(report.summary(results), err=json_file is not None and json_file.name == "-")
    click.echo(f"\n{wrong} wrong of {len(results)}", err=True)
    if wrong:
        raise SystemExit(1)


def _vocabulary(mapped: Sequence[str], pass_fail: bool) -> Any:
    from ocr_assets.conformance.check import Vocabulary

    words = {}
    for entry in mapped:
        theirs, equals, ours = entry.rpartition("=")
        meaning = [word.strip() for word in ours.split(",")]
        if not equals or any(word not in VERDICTS for word in meaning):
            raise Refused(f"--map {entry}: THEIRS=OURS is needed, OURS one or more of {', '.join(VERDICTS)}")
        words[theirs] = meaning
    return Vocabulary(words, pass_fail)


def _compare(cases: Sequence[Any], timeout: float, json_file: Any) -> None:
    """Print what graders of others and ours make of the same cases, by passed or not; a table in Markdown on stdout."""
    from ocr_assets.conformance import check, report
    from ocr_assets.conformance.graders import GraderUnavailable
    from ocr_assets.conformance.others import published_graders
    from ocr_assets.conformance.own import OwnGrader
    from resources.sandbox.api import SandboxUnavailable
    from resources.sandbox.images import engine, ensure_image
    from resources.settings.project import home

    by_grader: dict[str, list[check.Result]] = {}

    def ask(name: str, grader: Grader) -> None:
        by_grader[name] = _asked(name, grader, cases, check.Vocabulary({}, pass_fail=True))

    try:
        with contextlib.closing(engine()) as client:
            image = ensure_image(client)
        with resources()["sandbox"].opened() as pool:
            ask("ocr-assets", OwnGrader(pool))
        for name, published in published_graders().items():
            with published.asked(published.installed(home()), image, timeout) as grader:
                ask(name, grader)
    except (SandboxUnavailable, GraderUnavailable) as error:
        raise click.ClickException(str(error)) from error
    if json_file:
        json.dump([report.as_json(results, name) for name, results in by_grader.items()], json_file, ensure_ascii=False, indent=1)
        json_file.write("\n")
    click.echo(report.comparison(by_grader))


def _checked(cases: Sequence[Any], vocabulary: Any, line: str | None, url: str | None, workers: int, timeout: float) -> list[Any]:
    from ocr_assets.conformance.graders import FileGrader, GraderUnavailable, HttpGrader, LineGrader
    from ocr_assets.conformance.own import OwnGrader
    from resources.sandbox.api import SandboxUnavailable

    grader: Grader
    with contextlib.ExitStack() as stack:
        try:
            if url:
                grader = HttpGrader(url, workers or 1, timeout)
            elif line:
                files = "{problem}" in line or "{solution}" in line
                grader = FileGrader(line, timeout) if files else LineGrader(line, workers or 1, timeout)
            else:
                sandbox = resources()["sandbox"]
                if workers:
                    sandbox = sandbox.model_copy(update={"workers": workers})
                grader = OwnGrader(stack.enter_context(sandbox.opened()))
            return _asked("conformance", grader, cases, vocabulary)
        except (SandboxUnavailable, GraderUnavailable) as error:
            raise click.ClickException(str(error)) from error


def _asked(title: str, grader: Grader, cases: Sequence[Any], vocabulary: Any) -> list[Any]:
    """The grader's results on the cases, in order, with progress on stderr."""
    from ocr_assets.conformance import check
    from ocr_assets.platform.progress import Progress

    answers = grader.answers([case.request() for case in cases])
    results, wrong = [], 0
    with Progress(title, len(cases), lambda line: click.echo(line, err=True), "cases") as progress:
        for result in check.results(cases, answers, vocabulary):
            results.append(result)
            wrong += result.mark == "wrong"
            progress.add(note=f"{wrong} wrong")
    return results
