"""Release files: shards, filters, cards."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ocr_assets import samples
from ocr_assets.exports.card import card_text, warning
from ocr_assets.exports.selection import rows_query, selection
from ocr_assets.exports.settings import OcrSettings, ReleaseSettings
from ocr_assets.exports.sft import ABOUT, EXAMPLE, sft_profile
from ocr_assets.exports.writer import SPLIT, Sizes, Written, write_release
from ocr_assets.schema import SFT_DATASET
from resources.models.reasoning import separate_reasoning, whole_response_sql


def write(folder: Path, batches: Any, version: str, sizes: Sizes | None = None) -> Written:
    placed = (batch.append_column(SPLIT, batch.column("language")) for batch in batches)
    return write_release(folder, placed, SFT_DATASET.schema, {"version": version}, lambda manifest: "card", sizes)


def rows(language: str, count: int, start: int = 0) -> list[dict]:
    row = {
        column.name: [] if pa.types.is_list(column.type) else None if column.nullable else 0 if pa.types.is_integer(column.type)
        else False if pa.types.is_boolean(column.type) else "x" for column in SFT_DATASET.columns
    }  # fmt: skip
    return [
        {**row, "id": f"{language}{start + number:04d}", "language": language, "parse_status": "ok"} for number in range(count)
    ]


def test_shards_hold_every_row_once_in_order(tmp_path: Path) -> None:
    batches = [
        SFT_DATASET.batch(rows("cpp", 3)),
        SFT_DATASET.batch(rows("cpp", 4, 3) + rows("python", 5)),
        SFT_DATASET.batch(rows("python", 9, 5)),
    ]
    release = write(tmp_path / "out", batches, "v1", Sizes(shard_rows=6))
    assert release.rows == {"cpp": 7, "python": 14}
    names = sorted(path.name for path in (tmp_path / "out" / "data").iterdir())
    assert names == [
        "cpp-00000.parquet",
        "cpp-00001.parquet",
        "python-00000.parquet",
        "python-00001.parquet",
        "python-00002.parquet",
    ]
    ids = [i for name in names for i in pq.read_table(tmp_path / "out" / "data" / name).column("id").to_pylist()]
    assert ids == [f"cpp{n:04d}" for n in range(7)] + [f"python{n:04d}" for n in range(14)]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert sorted(manifest["files"]) == [f"data/{name}" for name in names]
    assert manifest["version"] == "v1"


def test_a_release_that_fails_has_no_manifest(tmp_path: Path) -> None:
    def breaking():
        yield SFT_DATASET.batch(rows("cpp", 2))
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write(tmp_path / "out", breaking(), "v2")
    assert not (tmp_path / "out" / "manifest.json").exists(), "so nobody takes it for whole"


# problem, language, code, verdict, sample, tokens, cpu_s, suite tpr, suite tnr
TRIPLETS = [
    ("p1", "python", "a", "accepted", 0, 900, 0.5, 1.0, 0.8),
    ("p1", "python", "b", "wrong_answer", 1, 100, 0.1, 1.0, 0.8),
    ("p1", "python", "c", "accepted", 2, 300, 0.1, 1.0, 0.8),
    ("p1", "python", "c", "accepted", 3, 200, 0.2, 1.0, 0.8),
    ("p1", "cpp", "d", "accepted", 0, 500, 0.1, 1.0, 0.8),
    ("p2", "python", None, None, 0, 700, None, None, None),
    ("p2", "python", "e", "accepted", 1, 800, 0.3, None, None),
    ("p3", "python", "f", "accepted", 0, 100, 0.3, 0.5, 0.2),
    ("p4", "python", "g", "accepted", 0, 100, 0.3, 1.0, 0.8),  # its contamination is undecided
]


def outcome(filters: ReleaseSettings) -> dict[str, str | None]:
    """Of each triplet (problem, language, sample): why it is dropped, or None."""
    lake = duckdb.connect()
    lake.execute("CREATE TABLE t (problem_id TEXT, language TEXT, solution TEXT, verdict TEXT, sample_index INT,"
                 "response_tokens INT, cpu_s DOUBLE, suite_tpr DOUBLE, suite_tnr DOUBLE)")  # fmt: skip
    lake.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", TRIPLETS)
    lake.execute("""
        CREATE VIEW verified_triplets AS
        SELECT *, problem_id || ' ' || language || ' ' || sample_index AS triplet_id, triplet_id AS response_id,
               triplet_id AS verdict_id, coalesce(suite_tpr, 1) >= 0.9 AS trusted FROM t;
        CREATE VIEW r1_traces AS SELECT response_id, sample_index FROM verified_triplets;
        CREATE VIEW token_counts AS SELECT triplet_id, response_tokens FROM verified_triplets;
        CREATE VIEW verdicts AS SELECT verdict_id, cpu_s FROM verified_triplets;
        CREATE VIEW clean_problems AS
        SELECT DISTINCT problem_id, if(problem_id = 'p4', 'undecided', 'clean') AS contamination FROM t;
    """)
    rows = lake.sql(f"SELECT triplet_id, dropped FROM ({selection(filters)})").fetchall()
    assert len(rows) == len(TRIPLETS)  # labelled, none lost, none doubled
    return dict(rows)


def kept(filters: ReleaseSettings) -> set[str]:
    return {name for name, dropped in outcome(filters).items() if dropped is None}


def test_by_default_every_triplet_is_released_whose_problem_is_decided() -> None:
    dropped = {name: reason for name, reason in outcome(ReleaseSettings()).items() if reason is not None}
    assert dropped == {"p4 python 0": "filter: contamination undecided"}
    assert len(kept(ReleaseSettings(undecided=True))) == len(TRIPLETS)


def test_filters_say_why() -> None:
    assert outcome(ReleaseSettings(keep="accepted"))["p1 python 1"] == "filter: not accepted"
    assert outcome(ReleaseSettings(languages=["python"]))["p1 cpp 0"] == "filter: language cpp"
    assert outcome(ReleaseSettings(trusted_only=True))["p3 python 0"] == "filter: verdict not trusted"
    strong = outcome(ReleaseSettings(min_suite_tnr=0.5))
    assert strong["p3 python 0"] == "filter: suite_tnr below 0.5"
    assert strong["p2 python 1"] == "filter: suite_tnr not known"
    assert strong["p1 python 0"] is None


@pytest.mark.parametrize(("prefer", "first"), [("first", "0"), ("shortest", "3"), ("longest", "0"), ("fastest", "2")])
def test_rejection_sampling_keeps_n_passing_solutions_a_problem_and_language(prefer: Any, first: str) -> None:
    filters = ReleaseSettings(keep="accepted", per_problem=1, prefer=prefer)
    assert kept(filters) == {f"p1 python {first}", "p1 cpp 0", "p2 python 1", "p3 python 0"}
    assert outcome(filters)["p1 python 1"] == "filter: not accepted"
    assert "filter: beyond 1 a problem" in outcome(filters).values()


def test_of_equal_programs_one_is_released_and_others_take_their_place() -> None:
    filters = ReleaseSettings(keep="accepted", languages=["python"], per_problem=2, prefer="shortest", distinct_code=True)
    assert kept(filters) == {"p1 python 0", "p1 python 3", "p2 python 1", "p3 python 0"}
    assert outcome(filters)["p1 python 2"] == "filter: same code as another"


def test_where_rows_compete_passing_ones_come_first() -> None:
    assert "p2 python 1" in kept(ReleaseSettings(per_problem=1))


def test_settings_that_cannot_be_are_refused() -> None:
    for wrong in ({"languages": ["perl"]}, {"languages": []}, {"per_problem": 0}, {"keeping": "all"}, {"min_suite_tpr": 2}):
        with pytest.raises(ValidationError):
            ReleaseSettings(**wrong)  # type: ignore[arg-type]


def card(settings: ReleaseSettings, benchmarks: list[dict[str, Any]]) -> str:
    manifest = {
        "dataset": "sft_dataset", "number": 1, "version": "v", "run_id": "r", "created_at": "now", "rows": {"python": 1},
        "filters": settings.model_dump(), "benchmarks": benchmarks, "warning": warning(benchmarks, samples.BENCHMARK_NAMES),
    }  # fmt: skip
    return card_text(
        manifest, columns=SFT_DATASET.columns, funnel=[], labels=[], licenses=[], settings=ReleaseSettings, label="verdict",
        about=ABOUT, example=EXAMPLE,
    )  # fmt: skip


def test_the_card_names_every_setting_and_its_value() -> None:
    settings = ReleaseSettings(keep="accepted", per_problem=3, prefer="shortest", distinct_code=True, min_suite_tnr=0.5)
    lines = card(settings, []).splitlines()
    for name, value in settings.model_dump().items():
        assert any(line.startswith(f"| `{name}` | `{json.dumps(value)}` | ") for line in lines), name


BUNDLED = {"benchmark": "minibench", "version": "", "items": 4}
HUMANEVAL = {"benchmark": "HumanEval", "version": "v1", "items": 1164}


@pytest.mark.parametrize(
    ("benchmarks", "compared"), [([], "with no benchmark at all"), ([BUNDLED], "only with the bundled toy benchmark minibench")]
)
def test_a_release_that_saw_no_public_benchmark_says_so_first(benchmarks: list[dict[str, Any]], compared: str) -> None:
    body = card(ReleaseSettings(), benchmarks).split("---", 2)[2].strip().splitlines()
    assert body[0] == "# sft_dataset"
    assert body[2].startswith("> **Not decontaminated.**") and compared in body[2]


def test_a_release_names_the_benchmarks_it_was_compared_with() -> None:
    text = card(ReleaseSettings(), [BUNDLED, HUMANEVAL])
    assert "Not decontaminated" not in text
    assert "| HumanEval | v1 | 1,164 |" in text and "| minibench |  | 4 |" in text


THINKING = st.text(max_size=20).filter(lambda text: "think>" not in text).map(lambda text: text.strip("\n"))


@pytest.mark.slow
@given(
    THINKING,
    st.text(max_size=20).filter(lambda text: "think>" not in text),
    st.sampled_from(["apart", "twice", "tags", "closing"]),
)
def test_think_tags_are_restored_however_the_reasoning_came(reasoning: str, answer: str, form: str) -> None:
    content, apart = {
        "apart": (answer, reasoning),
        "twice": (f"{reasoning}</think>{answer}", reasoning),
        "tags": (f"<think>\n{reasoning}\n</think>{answer}", None),
        "closing": (f"{reasoning}\n</think>{answer}", None),
    }[form]
    output = (
        "SELECT "
        + whole_response_sql("r.content", "r.reasoning", str(form == "closing"))
        + " FROM (SELECT ? AS content, ? AS reasoning) r"
    )
    row = duckdb.connect().execute(output, [content, apart]).fetchone()
    assert row is not None and row[0].count("<think>") == row[0].count("</think>") == 1
    whole = separate_reasoning(row[0], None)
    assert (whole.form, whole.reasoning) == ("both_tags", reasoning) and (whole.answer or "").lstrip("\n") == answer.lstrip("\n")


def test_the_profile_has_all_columns_of_its_table_in_order() -> None:
    lake = duckdb.connect()
    columns = {
        "t": "triplet_id, question, source, license, dataset, split, difficulty, solution, language, verdict, reason, trusted, tests_passed, "
             "tests_total, pass_rate, suite_status, suite_tpr, suite_tnr, problem_id, response_id, solution_id, verdict_id, response_license, response_origin",
        "s": "solution_id, parse_status", "r": "response_id, content, reasoning, model", "p": "problem_id, contamination",
        "c": "triplet_id, reasoning_tokens, response_tokens",
    }  # fmt: skip
    for name, table in {
        "t": "verified_triplets",
        "s": "solutions",
        "r": "r1_traces",
        "p": "clean_problems",
        "c": "token_counts",
    }.items():
        more = ", ['several_fences'] AS labels" if name == "s" else ""
        lake.execute(f"CREATE TABLE {table} AS SELECT {', '.join(f'NULL::TEXT AS {c}' for c in columns[name].split(', '))}{more}")
    lake.execute("CREATE TABLE problems AS SELECT NULL::TEXT AS problem_id, NULL::TEXT AS index")
    relation = lake.sql(rows_query(sft_profile(OcrSettings()), OcrSettings()))
    assert relation.columns == [column.name for column in SFT_DATASET.columns]
