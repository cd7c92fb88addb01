"""``ocr-assets decontaminate``: problems beside benchmark items, on plain files or in the lake, where people decide."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import click

from ocr_assets.cli import Refused
from ocr_assets.cli.files import FILE, output_option, statement_of, stream
from ocr_assets.cli.project import existing_lake, resources


class _FilesByDefault(click.Group):
    """A group whose first argument may also be a file: then the command ``files`` is meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = ["files", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_FilesByDefault)
def decontaminate() -> None:
    """Find problems that resemble benchmark items.

    On plain files, or in the lake, where people decide. `ocr-assets decontaminate PROBLEMS BENCHMARKS…` is short for
    `ocr-assets decontaminate files …`.
    """


@decontaminate.command()
@click.argument("problems", type=FILE)
@click.argument("benchmarks", type=FILE, nargs=-1, required=True)
@output_option
@click.option("--threshold", default=0.7, show_default=True, help="Cosine from which a pair is reported; at least 0.5.")
@click.option("--overlap", default=0.8, show_default=True, help="Shared n-grams from which a pair is reported; at least 0.3.")
def files(problems: Path, benchmarks: tuple[Path, ...], output: str, threshold: float, overlap: float) -> None:
    """Report PROBLEMS that resemble items of BENCHMARKS; judges' votes and people's decisions are the graph's matter.

    Out: one line a pair: row, problem_id, benchmark, item_id, layer (exact, ngram, embedding), cosine, overlap, item_question.
    """
    import pyarrow as pa

    from ocr_assets.platform.row_files import read_rows
    from ocr_assets.problems.decontamination import decide, screening
    from ocr_assets.problems.decontamination.benchmarks import read_benchmark
    from ocr_assets.problems.decontamination.settings import DecontaminationSettings
    from ocr_assets.texts.normalize import normalize
    from resources.embedder import EmbedderUnavailable
    from resources.settings import from_environment

    settings = from_environment(DecontaminationSettings, {}, threshold=threshold, overlap=overlap)
    project = resources()
    try:
        read = [item for path in benchmarks for item in read_benchmark(path)]
    except ValueError as error:
        raise Refused(str(error)) from error
    try:
        model = project["embedder"].opened(project["lake"].cache)
        items = screening.Items(read, model.embed([item["question"] for item in read]), settings)
    except EmbedderUnavailable as error:
        raise click.ClickException(str(error)) from error
    by_key = {item["item_key"]: item for item in read}

    def pairs() -> Iterator[dict[str, Any]]:
        rows = read_rows(problems)
        while block := list(islice(rows, screening.BLOCK)):
            statements = [statement_of(problems, number, row) for number, row in block]
            indices = [str(index) for index in range(len(block))]
            texts = [normalize(statement) for statement in statements]
            for score in screening.compare(indices, texts, model.embed(statements), items, settings):
                number, row = block[int(score["problem_id"])]
                layer, item = decide.found_by(score, settings), by_key[score["item_key"]]
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

    kinds = {"row": pa.int64(), "cosine": pa.float64(), "overlap": pa.float64()}
    names = ("row", "benchmark", "item_id", "layer", "cosine", "overlap", "item_question")
    declared = pa.schema([pa.field(name, kinds.get(name, pa.string())) for name in names])
    stream(pairs(), output, "pairs", [problems, *benchmarks], declared)


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
    from ocr_assets.platform.row_files import write_lines
    from ocr_assets.problems.decontamination.review import pairs_to_review

    wanted = ("undecided",) if only_undecided else ("undecided", "confirmed")
    with existing_lake() as lake:
        pairs = pairs_to_review(lake, wanted, benchmark, pair)
        if pair is not None and len(pairs) != 1:
            raise Refused(f"{len(pairs)} pairs begin with {pair}; `ocr-assets decontaminate review` lists them")
        if decision is not None:
            if pair is None:
                raise click.UsageError("name the pair that --confirm or --clear decides")
            _record_decision(lake, pairs[0]["pair_id"], decision, name, reason)
        elif as_json:
            write_lines(pairs, sys.stdout.buffer)
        else:
            _ask_about(lake, pairs, name, lines=0 if whole else 40)
            if not pairs:
                click.echo("no pair is undecided or confirmed", err=True)


def _ask_about(lake: Any, pairs: list[dict[str, Any]], name: str | None, lines: int) -> None:
    """Show each pair; on a terminal, ask for a decision."""
    from ocr_assets.problems.decontamination.review import side_by_side

    on_a_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    choices = {"confirm": "confirmed", "clear": "cleared", "skip": None, "quit": None}
    for number, row in enumerate(pairs, 1):
        click.echo(f"\n[{number} of {len(pairs)}] " + side_by_side(row, lines=lines))
        if not on_a_terminal:
            continue
        answer = click.prompt(", ".join(choices), type=click.Choice(list(choices)), default="skip", show_choices=False)
        if answer == "quit":
            break
        if choices[answer]:
            name = name or click.prompt("your name")
            _record_decision(lake, row["pair_id"], choices[answer], name, click.prompt("reason"))


def _record_decision(lake: Any, pair_id: str, decision: Any, name: str | None, reason: str | None) -> None:
    from datetime import UTC, datetime

    from ocr_assets.platform.version import code_version
    from ocr_assets.problems.decontamination.review import decision_row
    from ocr_assets.schema import HUMAN_DECISIONS
    from resources.lake import RunInfo

    try:
        row = decision_row(pair_id, decision, name or "", reason or "", datetime.now(UTC))
    except ValueError as error:
        raise click.UsageError(f"{error}: --by NAME --reason TEXT") from error
    with lake.write(RunInfo(f"cli-{row['decision_id']}", code_version=code_version()), "review") as write:
        write.append(HUMAN_DECISIONS, [row])
    click.echo(f"{pair_id} {decision} by {row['name']}; counts from the next: ocr-assets run", err=True)


@decontaminate.command()
def report() -> None:
    """The contamination report as Markdown: pairs by benchmark, source, layer and decision, similarities, judges, examples."""
    from ocr_assets.problems.decontamination.report import contamination_markdown

    with existing_lake() as lake:
        click.echo(contamination_markdown(lake), nl=False)
