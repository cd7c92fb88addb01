"""``ocr-assets``: the graph from a terminal, and its stages on plain files for people without the UI.

Exit codes: 0 done; 1 done, but some rows could not be used or a run failed; 2 wrong usage or input (the message says what).
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any

import click
from tqdm import tqdm

from ocr_assets.conformance.command import conformance
from ocr_assets.platform.jsonl import BadLine, read_rows
from ocr_assets.schema import json_text

USAGE = 2
LOGGED: dict[str, Any] = {"loggers": {"console": {}}}  # our terminal logger instead of Dagster's full event log


class _Commands(click.Group):
    """The commands; a wrong setting ends each of them with one line and ``USAGE``."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ValueError as error:
            from resources.settings.environment import WrongSetting  # here, for it brings Dagster with it

            if not isinstance(error, WrongSetting):
                raise
            click.echo(error, err=True)
            ctx.exit(USAGE)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Code-reasoning datasets people can trust: raw problems to verified training data."""
    os.environ.setdefault("OCR_HOME", str(Path(".ocr").resolve()))
    logging.basicConfig(level=logging.WARNING, format="%(message)s")


@main.command()
@click.option("--only", multiple=True, metavar="ASSET", help="Only these assets, e.g. --only verdicts --only verified_triplets.")
@click.option(
    "--source", "partitions", multiple=True, help="Read only these sources (taco, apps, code_contests, codeforces, local)."
)
def run(only: tuple[str, ...], partitions: tuple[str, ...]) -> None:
    """Materialize the graph. Only what is new is asked, run and written."""
    import dagster as dg

    from ocr_assets.definitions import ASSETS, build_definitions
    from ocr_assets.problems.assets import SOURCES

    home = Path(os.environ["OCR_HOME"]).resolve()
    os.environ["DAGSTER_HOME"] = str(home / "dagster")
    (home / "dagster").mkdir(parents=True, exist_ok=True)
    settings = Path(__file__).resolve().parents[2] / "dagster.yaml"
    if settings.is_file() and not (home / "dagster" / "dagster.yaml").exists():
        shutil.copyfile(settings, home / "dagster" / "dagster.yaml")
    known = {asset.key.to_user_string(): asset for asset in ASSETS}
    unknown = [name for name in only if name not in known]
    if unknown:
        raise click.UsageError(f"no asset {', '.join(unknown)}; there are {', '.join(known)}")
    unknown = [name for name in partitions if name not in SOURCES.get_partition_keys()]
    if unknown:
        raise click.UsageError(f"no source {', '.join(unknown)}; there are {', '.join(SOURCES.get_partition_keys())}")
    definitions = build_definitions()
    start = time.monotonic()
    chosen = list(only or known)
    with dg.DagsterInstance.get() as instance:
        if "raw_problems" in chosen:
            job = definitions.resolve_job_def("read_sources")
            for key in partitions or SOURCES.get_partition_keys():
                click.echo(f"source {key}", err=True)
                if not job.execute_in_process(LOGGED, instance=instance, partition_key=key, raise_on_error=False).success:
                    raise SystemExit(1)
        rest = [known[name].key for name in known if name in chosen and name != "raw_problems"]
        if rest:
            job = definitions.resolve_job_def("downstream")
            if not job.execute_in_process(LOGGED, instance=instance, asset_selection=rest, raise_on_error=False).success:
                raise SystemExit(1)
    click.echo(f"\ndone in {time.monotonic() - start:.0f} s\n")
    _epilogue(home)


def _epilogue(home: Path) -> None:
    """The funnel, where the release lies, how to open the UI, and two lineage questions to try."""
    from ocr_assets.platform.lineage import report

    with _lake() as lake:
        click.echo(report.funnel(lake))
        released = lake.rows(
            "SELECT child FROM record_edge WHERE stage = 'sft_dataset' AND relation = 'derived' ORDER BY child LIMIT 1"
        )
        merged = lake.rows("SELECT parent FROM record_edge WHERE relation = 'merged_into' ORDER BY parent LIMIT 1")
    folder = home / "releases" / "sft_dataset"
    click.echo(f"\nrelease     {folder if folder.is_dir() else 'none yet'}")
    click.echo("UI          make ui")
    if released:
        click.echo(f"try         ocr-assets lineage trace {released[0]['child']}")
    if merged:
        click.echo(f"            ocr-assets lineage why {merged[0]['parent']}")


def _lake() -> Any:
    from ocr_assets.platform.lineage import MACROS
    from ocr_assets.schema import TABLES
    from resources.settings import resources_from_environment

    return resources_from_environment()["lake"].lake(TABLES, MACROS)  # type: ignore[attr-defined]


@main.group()
def lineage() -> None:
    """Where rows come from and what became of them."""


@lineage.command()
@click.argument("row_id")
def trace(row_id: str) -> None:
    """Every step from ROW_ID back to the raw rows, with file and row."""
    _answer("trace", row_id)


@lineage.command()
@click.argument("row_id")
def why(row_id: str) -> None:
    """Every step from ROW_ID forward, with the reason where something was dropped."""
    _answer("why", row_id)


def _answer(question: str, row_id: str) -> None:
    from ocr_assets.platform.lineage import report

    with _lake() as lake:
        try:
            click.echo(getattr(report, question)(lake, row_id))
        except KeyError as error:
            raise click.UsageError(str(error.args[0])) from error


@lineage.command()
def funnel() -> None:
    """Rows in, kept and dropped by reason, at every stage."""
    from ocr_assets.platform.lineage import report

    with _lake() as lake:
        click.echo(report.funnel(lake))


@lineage.command()
@click.argument("query")
def sql(query: str) -> None:
    """Run QUERY on the lake and print a table, e.g. "FROM funnel"."""
    import duckdb

    from ocr_assets.platform.lineage import report

    with _lake() as lake:
        try:
            click.echo(report.table(lake.rows(query)))
        except duckdb.Error as error:
            raise click.UsageError(str(error)) from error


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUT = click.option(
    "-o", "--output", default="-", type=click.Path(allow_dash=True, path_type=str), help="Output file; - is stdout."
)


@main.command()
@click.argument("responses", type=FILE)
@OUT
def parse(responses: Path, output: str) -> None:
    """Take raw responses apart.

    RESPONSES: JSONL or Parquet with `content` and `language` (python, cpp); optional `reasoning`, `finish_reason`, `entry_point`,
    `response_id`. Out: the input's other columns and parse_status, labels, fence_rule, fences, reasoning, answer, code,
    parses, syntax_error.
    """
    from ocr_assets.programs import syntax
    from ocr_assets.traces.parse import parse as take_apart

    def rows() -> Iterator[dict[str, Any]]:
        for number, row in read_rows(responses):
            missing = [name for name in ("content", "language") if not isinstance(row.get(name), str)]
            if missing or row["language"] not in ("python", "cpp"):
                raise BadLine(f"{responses}, row {number}: content (text) and language (python or cpp) are needed")
            parsed = take_apart(
                row["content"],
                row.get("reasoning"),
                row.get("finish_reason"),
                row["language"],
                row.get("entry_point", row.get("entry")),
            )
            error = None if parsed.code is None else syntax.syntax_error(parsed.code, row["language"])
            kept = {name: value for name, value in row.items() if name not in ("content", "reasoning")}
            yield {
                **kept,
                "parse_status": parsed.parse_status,
                "labels": list(parsed.labels),
                "fence_rule": parsed.fence_rule,
                "fences": parsed.fences,
                "reasoning": parsed.reasoning,
                "answer": parsed.answer,
                "code": parsed.code,
                "parses": None if parsed.code is None else error is None,
                "syntax_error": error,
            }

    _stream(rows(), output, "responses")


@main.command()
@click.argument("problems", type=FILE)
@click.argument("solutions", type=FILE)
@OUT
@click.option("--all-tests", is_flag=True, help="Run all tests, not only up to the first failure.")
def verify(problems: Path, solutions: Path, output: str, all_tests: bool) -> None:
    """Judge SOLUTIONS against the tests of PROBLEMS in the sandbox, one verdict a line, in input order.

    File formats: docs/grading.md, §2. Exit code 1 if a solution's problem is unknown or a sandbox failed.
    """
    from ocr_assets.verification.grading import files
    from ocr_assets.verification.settings import GradingSettings
    from resources.sandbox.api import SandboxUnavailable
    from resources.settings import resources_from_environment

    counts = files.Counts()
    settings = GradingSettings(stop_at_first_failure=not all_tests)
    try:
        with resources_from_environment()["sandbox"].opened() as pool:  # type: ignore[attr-defined]
            _stream(files.verify(problems, solutions, pool, settings, counts), output, "solutions")
    except SandboxUnavailable as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{counts.accepted:,} of {counts.solutions:,} accepted, {counts.faults:,} without a verdict", err=True)
    if counts.faults:
        raise SystemExit(1)


@main.command()
@click.argument("problems", type=FILE, nargs=-1, required=True)
@OUT
@click.option(
    "--near", type=float, help="Also merge by shared wording, from this Jaccard similarity on (0.5 to 1; OCR-like: 0.7)."
)
@click.option("--semantic", type=float, help="Also merge by embeddings, from this cosine on (0.9 to 1; KodCode: 0.95).")
def dedup(problems: tuple[Path, ...], output: str, near: float | None, semantic: float | None) -> None:
    """Keep one of each set of problems that are the same: by normalized statement, and by likeness where asked for.

    PROBLEMS: JSONL or Parquet with `statement` (or question, description). Out: the first row of each set as it was, with
    `problem_id` if it had none and `duplicates` (of the others: row, as file:row, and layer: exact, near or semantic).
    """
    from ocr_assets.problems.dedup.duplicates import Layers
    from ocr_assets.problems.dedup.files import Texts, duplicates_of
    from ocr_assets.problems.dedup.near import NearSettings
    from resources.embedder import EmbedderUnavailable
    from resources.settings import resources_from_environment

    def read() -> Iterator[tuple[Path, int, dict[str, Any]]]:
        for path in problems:
            for number, row in read_rows(path):
                yield path, number, row

    try:
        layers = Layers(near=None if near is None else NearSettings(near), semantic=semantic)
        resources = resources_from_environment()
        model = resources["embedder"].opened(resources["lake"].cache) if semantic is not None else None  # type: ignore[attr-defined]
        places: list[str] = []

        def statements() -> Iterator[str]:
            for path, number, row in read():
                places.append(f"{path.name}:{number}")
                yield _statement(path, number, row)

        with Texts(statements()) as texts:
            keys, stands = duplicates_of(texts, layers, model)
    except BadLine as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(USAGE) from error
    except (EmbedderUnavailable, ValueError) as error:
        raise click.ClickException(str(error)) from error
    others: dict[int, list[dict[str, str]]] = {}
    for place, (lead, layer) in stands.items():
        others.setdefault(lead, []).append({"row": places[place], "layer": layer})

    def rows() -> Iterator[dict[str, Any]]:
        for place, (_, _, row) in enumerate(read()):
            if place not in stands:
                yield {"problem_id": keys[place], **row, "duplicates": others.get(place, [])}

    _stream(rows(), output, "problems")
    click.echo(f"{len(keys) - len(stands):,} distinct, {len(stands):,} duplicates", err=True)


class _FilesByDefault(click.Group):
    """A group whose first argument may also be a file: then the command ``files`` is meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["files", *args]
        return super().parse_args(ctx, args)


@main.group(cls=_FilesByDefault)
def decontaminate() -> None:
    """Problems that resemble benchmark items: on plain files, or in the lake, where people decide.

    `ocr-assets decontaminate PROBLEMS BENCHMARKS…` is short for `ocr-assets decontaminate files …`.
    """


@decontaminate.command()
@click.argument("problems", type=FILE)
@click.argument("benchmarks", type=FILE, nargs=-1, required=True)
@OUT
@click.option("--threshold", default=0.7, show_default=True, help="Cosine from which a pair is reported; at least 0.5.")
@click.option("--overlap", default=0.8, show_default=True, help="Shared n-grams from which a pair is reported; at least 0.3.")
def files(problems: Path, benchmarks: tuple[Path, ...], output: str, threshold: float, overlap: float) -> None:
    """Report PROBLEMS that resemble items of BENCHMARKS; judges' votes and people's decisions are the graph's matter.

    Out: one line a pair: row, problem_id, benchmark, item_id, layer (exact, ngram, embedding), cosine, overlap, item_question.
    """
    from ocr_assets.problems.decontamination import decide, screening
    from ocr_assets.problems.decontamination.benchmarks import read_benchmark
    from ocr_assets.problems.normalize import normalize
    from resources.embedder import EmbedderUnavailable
    from resources.settings import resources_from_environment

    resources = resources_from_environment()
    model = resources["embedder"].opened(resources["lake"].cache)  # type: ignore[attr-defined]
    measure = screening.Measure()
    try:
        rules = decide.Rules(threshold, overlap)
        read = [item for path in benchmarks for item in read_benchmark(path)]
        items = screening.Items(read, model.embed([item["question"] for item in read]), measure)
    except (EmbedderUnavailable, ValueError) as error:
        raise click.ClickException(str(error)) from error
    by_key = {item["item_key"]: item for item in read}

    def pairs() -> Iterator[dict[str, Any]]:
        rows = read_rows(problems)
        while block := list(islice(rows, screening.BLOCK)):
            statements = [_statement(problems, number, row) for number, row in block]
            places = [str(place) for place in range(len(block))]
            texts = [normalize(statement) for statement in statements]
            for score in screening.compare(places, texts, model.embed(statements), items, measure):
                number, row = block[int(score["problem_id"])]
                layer, item = decide.found_by(score, rules), by_key[score["item_key"]]
                if layer is not None:
                    yield {
                        "row": number,
                        "problem_id": row.get("problem_id"),
                        "benchmark": item["benchmark"],
                        "item_id": item["item_id"],
                        "layer": layer,
                        "cosine": score["cosine"],
                        "overlap": score["overlap"],
                        "item_question": item["question"],
                    }

    _stream(pairs(), output, "pairs")


@decontaminate.command()
@click.argument("pair", required=False)
@click.option("--confirm", "decision", flag_value="confirmed", help="Decide that PAIR's problem restates the item.")
@click.option("--clear", "decision", flag_value="cleared", help="Decide that it does not.")
@click.option("--by", "name", envvar="OCR_REVIEWER", help="Who decides (or OCR_REVIEWER).")
@click.option("--reason", help="Why.")
@click.option("--benchmark", help="Only pairs with this benchmark.")
@click.option("--undecided", "only_undecided", is_flag=True, help="Leave confirmed pairs out.")
@click.option("--whole", is_flag=True, help="Show long texts in whole.")
@click.option("--json", "as_json", is_flag=True, help="Print pairs as JSON lines, and ask nothing.")
def review(
    pair: str | None,
    decision: Any,
    name: str | None,
    reason: str | None,
    benchmark: str | None,
    only_undecided: bool,
    whole: bool,
    as_json: bool,
) -> None:
    """Undecided and confirmed pairs side by side, to be decided by a person.

    On a terminal each pair is shown and asked about. With PAIR (an id, or its beginning) and --confirm or --clear the decision
    is recorded at once. Decisions count from the next `ocr-assets run` on, under every policy; the latest one counts.
    """
    from ocr_assets.problems.decontamination.review import pairs_to_review, side_by_side

    wanted = ("undecided",) if only_undecided else ("undecided", "confirmed")
    with _lake() as lake:
        pairs = pairs_to_review(lake, wanted, benchmark, pair)
        if pair is not None and len(pairs) != 1:
            raise click.UsageError(f"{len(pairs)} pairs begin with {pair}; `ocr-assets decontaminate review` lists them")
        if decision is not None:
            if pair is None:
                raise click.UsageError("name the pair that --confirm or --clear decides")
            _record_decision(lake, pairs[0]["pair_id"], decision, name, reason)
        elif as_json:
            for row in pairs:
                click.echo(json_text(row))
        else:
            asking = sys.stdin.isatty() and sys.stdout.isatty()
            choices = {"confirm": "confirmed", "clear": "cleared", "skip": None, "quit": None}
            for number, row in enumerate(pairs, 1):
                click.echo(f"\n[{number} of {len(pairs)}] " + side_by_side(row, lines=0 if whole else 40))
                if not asking:
                    continue
                answer = click.prompt(", ".join(choices), type=click.Choice(list(choices)), default="skip", show_choices=False)
                if answer == "quit":
                    break
                if choices[answer]:
                    name = name or click.prompt("your name")
                    _record_decision(lake, row["pair_id"], choices[answer], name, click.prompt("reason"))
            if not pairs:
                click.echo("no pair is undecided or confirmed", err=True)


def _record_decision(lake: Any, pair_id: str, decision: Any, name: str | None, reason: str | None) -> None:
    from datetime import UTC, datetime

    from ocr_assets.problems.decontamination.review import decision_row
    from ocr_assets.schema import HUMAN_DECISIONS
    from resources.lake import RunInfo

    try:
        row = decision_row(pair_id, decision, name or "", reason or "", datetime.now(UTC))
    except ValueError as error:
        raise click.UsageError(f"{error}: --by NAME --reason TEXT") from error
    with lake.write(RunInfo(f"cli-{row['decision_id']}"), "review") as write:
        write.append(HUMAN_DECISIONS, [row])
    click.echo(f"{pair_id} {decision} by {row['name']}; counts from the next: ocr-assets run", err=True)


@decontaminate.command()
def report() -> None:
    """The contamination report as Markdown: pairs by benchmark, source, layer and decision, similarities, judges, examples."""
    from ocr_assets.problems.decontamination.report import contamination_markdown

    with _lake() as lake:
        click.echo(contamination_markdown(lake), nl=False)


def _statement(path: Path, number: int, row: Mapping[str, Any]) -> str:
    for name in ("statement", "question", "description"):
        if isinstance(row.get(name), str):
            return str(row[name])
    raise BadLine(f"{path}, row {number}: no statement (or question, or description)")


def _stream(rows: Iterable[Mapping[str, Any]], output: str, unit: str) -> None:
    """Write rows as they come, JSONL or Parquet by the output's name; a bar on a terminal."""
    bar = tqdm(rows, unit=f" {unit}", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False)
    try:
        if output.endswith(".parquet"):
            _write_parquet(bar, Path(output))
        elif output == "-":
            _write_lines(bar, sys.stdout)
        else:
            with Path(output).open("w", encoding="utf-8") as file:
                _write_lines(bar, file)
    except (BadLine, json.JSONDecodeError) as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(USAGE) from error


def _write_lines(rows: Iterable[Mapping[str, Any]], file: IO[str]) -> None:
    for row in rows:
        file.write(json_text(row) + "\n")


def _write_parquet(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([dict(row) for row in rows])
    pq.write_table(table, path, compression="zstd")


main.add_command(conformance)
