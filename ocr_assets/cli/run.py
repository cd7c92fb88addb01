"""``ocr-assets run``: the graph without the UI, and what to look at afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from ocr_assets.cli import Refused, choosing
from ocr_assets.cli.project import asked_lake

if TYPE_CHECKING:
    from resources.lake import Lake

# The project's terminal logger instead of Dagster's full event log, which is in the UI.
RUN_CONFIG: dict[str, Any] = {"loggers": {"console": {}}}
ALL = "all"
EVALUATION = ("benchmark_problems", "evaluation_samples", "evaluation_verdicts", "evaluations", "evaluation_comparison")
TRAINING = ("training_mix", "packed_sft", "finetuned_model")  # by mix; which of them are trained on, a person says
RANGE = "dagster/asset_partition_range_{}"  # Dagster's tags of a run over several partitions


@click.command()
@click.option(
    "--select",
    "--only",
    "selections",
    multiple=True,
    metavar="ASSETS",
    help="Only these assets: a name, or a selection as in the UI (+sft_dataset, verdicts+, group:release). Several add up.",
)
@click.option(
    "--set",
    "values",
    multiple=True,
    metavar="NAME.FIELD=VALUE",
    help="A setting for this run, before all others: r1_traces.python_samples=8, teacher.concurrency=4.",
)
@click.option(
    "--source",
    "partitions",
    multiple=True,
    help="Read only these sources (taco, apps, code_contests, codeforces, local, published).",
)
@click.option(
    "--subset",
    "subsets",
    multiple=True,
    help="Ask for synthetic questions of these subsets (prefill, leetcode, docs …; all). Without it: of all where answers are "
    "recorded, of none where a teacher is live, unless --select names them.",
)
@click.option(
    "--mix",
    "mixes",
    multiple=True,
    help="Pack these training mixes and train a model on each (ocr_scale_25k …; OCR_BASE_MODEL names the base). Without it none "
    "is trained; all mixes are made.",
)
@click.option("--again", is_flag=True, help="Run assets also where nothing that they depend on has changed.")
def run(
    selections: tuple[str, ...],
    values: tuple[str, ...],
    partitions: tuple[str, ...],
    subsets: tuple[str, ...],
    mixes: tuple[str, ...],
    again: bool,
) -> None:
    """Materialize the graph.

    Only what is new is asked, run and written; assets are left out where nothing has changed that they depend on. Exit code 1 if
    a step failed.
    """
    of_assets = choosing.set_resources(values)
    import dagster as dg

    from ocr_assets.definitions import ASSETS, build_definitions
    from ocr_assets.problems.assets import SOURCES
    from ocr_assets.synthesis.assets import SUBSETS
    from ocr_assets.training.assets import MIXES
    from resources.settings import TeacherResource, from_environment

    sources, all_subsets, all_mixes = (partitioned.get_partition_keys() for partitioned in (SOURCES, SUBSETS, MIXES))
    assets = {asset.key.to_user_string(): asset.key for asset in ASSETS}
    _refuse_unknown("source", partitions, sources)
    _refuse_unknown("subset", subsets, [*all_subsets, ALL])
    _refuse_unknown("mix", mixes, all_mixes)
    definitions = build_definitions()
    chosen = choosing.selected(selections, definitions.resolve_asset_graph(), list(assets))
    config = choosing.asset_config(ASSETS, of_assets, chosen)
    home = prepared_home()
    start = time.monotonic()
    with dg.DagsterInstance.get() as instance, contextlib.closing(_Runs(definitions, instance, config, again)) as runs:
        if "raw_problems" in chosen:
            runs.of_partitions("read_sources", partitions, sources)
        after = runs.below(assets["synthetic_questions"])
        selected = [name for name in chosen if name not in ("raw_problems", "synthetic_questions", *TRAINING, *EVALUATION)]
        runs.downstream([assets[name] for name in selected if name not in after])
        if "synthetic_questions" in chosen and asks_for_questions(selections, subsets, from_environment(TeacherResource).kind):
            runs.of_partitions("ask_questions", () if ALL in subsets else subsets, all_subsets)
        elif "synthetic_questions" in chosen:
            click.echo("synthetic questions: none asked for; --subset all, or names, has the teacher make some", err=True)
        runs.downstream([assets[name] for name in selected if name in after])
        if "training_mix" in chosen:
            runs.of_partitions("make_mixes", mixes if selections else (), all_mixes)
        if trained := [assets[name] for name in TRAINING[1:] if name in chosen and mixes]:
            runs.of_partitions("train_models", mixes, all_mixes, trained)
        runs.downstream([assets[name] for name in EVALUATION if name in chosen])  # what was trained, too
        if runs.settled:
            click.echo(f"\nnothing to do (--again looks all the same): {', '.join(runs.settled)}")
    click.echo(f"\ndone in {time.monotonic() - start:.0f} s")
    _what_to_look_at(home)


def asks_for_questions(selections: Sequence[str], subsets: Sequence[str], teacher: str) -> bool:
    """Whether a run that takes in ``synthetic_questions`` asks for some: new questions cost a live teacher more than the problems
    at hand do, so a person has to name them. ``teacher``: its kind."""
    return teacher == "recorded" or bool(subsets) or "synthetic_questions" in selections


class _Runs:
    """Runs of the graph's jobs, one after the other, without the assets that have nothing to do. ``settled``: names of these.
    ``config``: asset → its configuration where it is another than the project's."""

    def __init__(self, definitions: Any, instance: Any, config: Mapping[str, Any], again: bool) -> None:
        from ocr_assets.platform.settled import AGAIN

        self._definitions, self._instance, self._config = definitions, instance, config
        self._graph = definitions.resolve_asset_graph()
        self._tags = {AGAIN: "true"} if again else {}
        self._store: Lake | None = None
        self.settled: list[str] = []

    def close(self) -> None:
        if self._store is not None:
            self._store.close()

    def of_partitions(self, job: str, chosen: Sequence[str], every: Sequence[str], assets: Sequence[Any] | None = None) -> None:
        """Runs of ``job``, of these ``assets`` of it only: one for every partition, or one for each that is chosen."""
        for keys in [[key] for key in chosen] or [list(every)]:
            wanted = list(assets or self._definitions.resolve_job_def(job).asset_layer.executable_asset_keys)
            if unsettled := self._unsettled(wanted, keys):
                self._execute(job, unsettled, {RANGE.format("start"): keys[0], RANGE.format("end"): keys[-1]})

    def downstream(self, assets: Sequence[Any]) -> None:
        """One run of the job ``downstream``, of these assets only."""
        if unsettled := self._unsettled(assets):
            self._execute("downstream", unsettled)

    def below(self, key: Any) -> set[str]:
        """What depends on an asset, over any number of steps: a partitioned asset is a run of its own, and these follow it."""
        keys = self._graph.get_all_asset_keys()
        return {other.to_user_string() for other in keys if key in self._graph.get_ancestor_asset_keys(other)}

    def _execute(self, job: str, assets: Sequence[Any], tags: Mapping[str, str] = MappingProxyType({})) -> None:
        names = [key.to_user_string() for key in assets]
        ops = {name: {"config": self._config[name]} for name in names if name in self._config}
        done = self._definitions.resolve_job_def(job).execute_in_process(
            {**RUN_CONFIG, "ops": ops},
            instance=self._instance,
            tags={**tags, **self._tags},
            asset_selection=assets,
            raise_on_error=False,
        )
        if not done.success:
            raise SystemExit(1)

    def _unsettled(self, assets: Sequence[Any], partitions: Sequence[str] = ()) -> list[Any]:
        """Those of ``assets`` with something to do: by themselves, or after another one of them."""
        from ocr_assets.platform.lake import project_lake
        from ocr_assets.platform.settled import Memory, Now

        if self._tags or not assets:
            return list(assets)
        told = self._instance.get_latest_materialization_events(assets)
        self._store = self._store or project_lake(self._definitions.resources["lake"]).open()
        now = Now.of(self._store)
        unsettled = []
        for key in self._graph.toposorted_asset_keys:
            if key not in assets:
                continue
            after_another = any(parent in unsettled for parent in self._graph.get_ancestor_asset_keys(key))
            config = self._config.get(key.to_user_string(), {})
            memory = Memory.of(self._graph.get(key).assets_def, config, self._definitions.resources, partitions)
            if told.get(key) is None or after_another or not memory.holds(now):
                unsettled.append(key)
            else:
                self.settled.append(key.to_user_string())
        return unsettled


def _refuse_unknown(noun: str, given: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise Refused(f"no {noun} {', '.join(unknown)}; there are {', '.join(known)}")


def prepared_home() -> Path:
    """The project's home as a folder that exists, with Dagster's own folder and settings in it."""
    from resources.dagster_storage import settle_storage
    from resources.settings import LakeResource, from_environment
    from resources.settings.project import home as project_home

    home = project_home()
    dagster = home / "dagster"
    try:
        dagster.mkdir(parents=True, exist_ok=True)
        settings = Path(__file__).resolve().parents[2] / "dagster.yaml"
        if settings.is_file() and not (dagster / "dagster.yaml").exists():
            shutil.copyfile(settings, dagster / "dagster.yaml")
        if (dagster / "dagster.yaml").is_file():
            settle_storage(dagster / "dagster.yaml", from_environment(LakeResource).dagster)
    except OSError as error:
        raise Refused(f"OCR_HOME={home}: nothing can be written there ({error.strerror or error})") from error
    os.environ["DAGSTER_HOME"] = str(dagster)
    return home


def _what_to_look_at(home: Path) -> None:
    """Rows at each stage, where the release lies, how to open the UI, and lineage questions to try."""
    from ocr_assets.platform.lineage import report

    with asked_lake() as lake:
        if lake.scalar("SELECT count(*) FROM funnel"):
            click.echo("\nRows at each stage: what came in, what was kept, what was left out and why.\n")
            click.echo(report.funnel(lake))
        released = lake.rows(
            "SELECT child FROM record_edge WHERE stage = 'sft_dataset' AND relation = 'derived' ORDER BY child LIMIT 1"
        )
        merged = lake.rows("SELECT parent FROM record_edge WHERE relation = 'merged_into' ORDER BY parent LIMIT 1")
    folder = home / "releases" / "sft_dataset" / "current"
    lines = [
        *([("the release", f"{folder} (begin with its README.md)")] if folder.is_dir() else []),
        ("the UI", "make ui"),
        *(("where a released row comes from", f"ocr-assets lineage trace {row['child']}") for row in released),
        *(("what became of a source row", f"ocr-assets lineage why {row['parent']}") for row in merged),
        ("anything else, in SQL", 'ocr-assets lineage sql "SELECT verdict, count(*) FROM triplets GROUP BY ALL"'),
    ]
    click.echo("\nWhat to look at next:\n")
    for question, answer in lines:
        click.echo(f"  {question:32} {answer}")
