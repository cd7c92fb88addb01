"""What Dagster is told of each asset beside its rows: code version, column lineage, code references, who pays, what is watched."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from ocr_assets.definitions import ASSETS, build_definitions
from ocr_assets.platform.assets import CHECK, PAYS, code_version, column_lineage, watched
from ocr_assets.schema import RELEASES, TABLES
from resources.lake.tables import Figure, Table
from resources.settings import AutomationSettings, WarningSettings
from tests.support.graph import ROOT

DECLARED = {table.name: table for table in (*TABLES, *RELEASES)}


def code_versions(**settings: str) -> dict[str, str]:
    """The assets' code versions under these settings, which are read where the graph is loaded: in a process of its own."""
    script = (
        "from ocr_assets.definitions import ASSETS\n"
        "for asset in ASSETS:\n"
        "    for spec in asset.specs: print(spec.key.to_user_string(), spec.code_version)"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OCR_", "DAGSTER_"))}
    done = subprocess.run(
        [sys.executable, "-c", script], env={**clean, **settings}, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return dict(line.split() for line in done.stdout.splitlines())  # type: ignore[misc]


@pytest.mark.long
def test_a_setting_changes_the_code_version_of_exactly_what_it_decides(tmp_path: Path) -> None:
    before = code_versions()
    assert all(before.values())
    asked = {"r1_traces", "synthetic_questions", "synthetic_attempts", "style_conversions", "kodcode_responses"}
    for settings, concerned in (
        ({"OCR_TEACHER_MODEL": "another"}, asked),
        ({"OCR_CONTAMINATION_THRESHOLD": "0.8"}, {"contamination_report"}),
        ({"OCR_JUDGE_MODELS": "another"}, {"contamination_report"}),
        ({"OCR_ANNOTATOR_MODEL": "another"}, {"reasoning_patterns"}),
        ({"OCR_CRITIC_MODEL": "another"}, {"critiques"}),
        ({"OCR_EVALUATION_SAMPLES": "9"}, {"evaluation_samples"}),
        (
            {"OCR_SUITE_MUTANTS": "3"},
            (asked - {"r1_traces", "synthetic_questions"}) | {"self_verification", "synthetic_triplets"},
        ),
        ({"OCR_TEACHER_MAX_REQUESTS": "9", "OCR_TEACHER_CONCURRENCY": "3", "OCR_HOME": str(tmp_path)}, set()),
    ):
        after = code_versions(**settings)
        assert {name for name in before if before[name] != after[name]} == concerned, settings


def test_a_code_version_is_told_by_values_not_by_their_order() -> None:
    assert code_version("1", {"a": 1, "b": [2]}) == code_version("1", {"b": [2], "a": 1})
    assert len({code_version("1", {}), code_version("2", {}), code_version("1", {"a": 1}), code_version("1", {"a": 2})}) == 4


def test_columns_come_from_columns_that_there_are_upstream() -> None:
    graph = build_definitions().resolve_asset_graph()
    with_origins = 0
    for asset in ASSETS:
        table = DECLARED[asset.key.path[-1]]
        lineage = column_lineage(table).deps_by_column
        with_origins += bool(lineage)
        assert set(lineage) <= {column.name for column in table.columns}, table.name
        upstream = {key.path[-1] for key in graph.get_ancestor_asset_keys(asset.key)}
        for column, origins in lineage.items():
            for origin in origins:
                source = origin.asset_key.path[-1]
                assert source in upstream, f"{table.name}.{column} comes from {source}, which is not upstream"
                assert origin.column_name in {known.name for known in DECLARED[source].columns}, (table.name, column, origin)
    assert with_origins == len(ASSETS) - 2, "raw problems and benchmark problems come from outside, all others from each other"


def test_code_references_name_the_asset_s_function() -> None:
    for asset in ASSETS:
        (spec,) = asset.specs
        (place,) = spec.metadata["dagster/code_references"].code_references
        lines = Path(place.file_path).read_text(encoding="utf-8").splitlines()
        made_by = "released" if spec.group_name == "release" else spec.key.path[-1]  # all releases are made by one function
        assert f"def {made_by}(" in "\n".join(lines[place.line_number - 1 : place.line_number + 30])


def test_what_pays_is_marked() -> None:
    paying = {spec.key.path[-1]: spec.tags[PAYS] for asset in ASSETS for spec in asset.specs if PAYS in spec.tags}
    asks = {
        asset.key.path[-1]
        for asset in ASSETS
        if asset.required_resource_keys & {"teacher", "judges", "evaluated", "annotator", "critic"}
        and asset.key.path[-1] != "evaluation_verdicts"
    }
    assert set(paying) == asks | {"finetuned_model"}


def test_figures_are_limited_by_settings_that_there_are() -> None:
    for table in DECLARED.values():
        figures: tuple[Figure, ...] = watched(table)
        assert len({figure.name for figure in figures}) == len(figures)
        for figure in figures:
            assert {limit for limit in (figure.most, figure.least) if limit} <= set(WarningSettings.model_fields)
            assert figure.most or figure.least
    for asset in ASSETS:
        names = {spec.name: spec.blocking for spec in asset.check_specs}
        assert names == {CHECK: True, **{figure.name: False for figure in watched(DECLARED[asset.key.path[-1]])}}


def test_a_table_s_partition_is_one_of_its_columns() -> None:
    with pytest.raises(TypeError, match="partition"):
        Table("t", DECLARED["prompts"].row, ("prompt_hash",), partition="nothing")
    for asset in ASSETS:
        assert (DECLARED[asset.key.path[-1]].partition is not None) == (asset.partitions_def is not None)


def test_automation_settings_name_what_is_wrong() -> None:
    sources = ["taco", "local"]
    settings = AutomationSettings(refresh="taco; local=0 */6 * * *", watch="local", time_zone="Europe/Berlin")
    assert settings.schedules(sources) == {"taco": ("0 3 * * *", True), "local": ("0 */6 * * *", True)}
    assert settings.watched(sources) == {"local"}
    everything = AutomationSettings(refresh="all=@hourly; local=@daily", watch="all")
    assert everything.schedules(sources) == {"taco": ("@hourly", True), "local": ("@daily", True)}
    assert everything.watched(sources) == {"taco", "local"}
    assert AutomationSettings().schedules(sources) == {"taco": ("0 3 * * *", False), "local": ("0 3 * * *", False)}
    for wrong, message in (
        ({"time_zone": "Berlin"}, "time zone"),
        ({"cron": "every night"}, "no cron line"),
        ({"refresh": "taco=0 3"}, "no cron line"),
        ({"owner": "somebody"}, "team:NAME"),
    ):
        with pytest.raises(ValueError, match=message):
            AutomationSettings(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no source apps; there are taco, local"):
        AutomationSettings(refresh="apps").schedules(sources)
    with pytest.raises(ValueError, match="no source apps"):
        AutomationSettings(watch="apps").watched(sources)


def test_descriptions_of_checks_say_what_to_do() -> None:
    for asset in ASSETS:
        for spec in asset.check_specs:
            assert isinstance(spec, dg.AssetCheckSpec) and spec.description and len(spec.description) > 40
