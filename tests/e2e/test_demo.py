"""The bundled corpus through the whole graph: labels as its authors meant them, lineage, release, and nothing done twice."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
from playwright.sync_api import expect

from ocr_assets import samples
from ocr_assets.schema import SFT_DATASET
from tests.support.graph import ROOT, open_lake, run, undeclared_reads
from tests.support.ui import browser_page, running_ui, wait_for_runs

Demo = tuple[Path, subprocess.CompletedProcess[str]]

# Assets that a second run looks at: those that share a table with later ones of the first run, and what follows from them.
LOOK_TWICE = {
    "synthetic_attempts", "self_verification", "style_conversions", "synthetic_triplets", "kodcode_responses", "kodcode_v1",
    "kodcode_sft_r1", "kodcode_rl", "training_mix",
}  # fmt: skip


def expected(kind: str) -> list[dict]:
    lines = samples.EXPECTED.read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["kind"] == kind]


def test_every_response_gets_the_label_its_author_meant(demo: Demo) -> None:
    home, _ = demo
    query = """
        SELECT p.origins, r.language, r.sample_index, s.parse_status, s.fence_rule, s.labels, s.parses, t.verdict
        FROM r1_traces r JOIN solutions s USING (response_id) JOIN problems p ON p.problem_id = r.problem_id
        JOIN verified_triplets t USING (solution_id)
    """
    with open_lake(home) as lake:
        found = {
            (origin, row["language"], row["sample_index"]): {name: row[name] for name in list(row)[3:]}
            for row in lake.rows(query)
            for origin in row["origins"]
        }
    wrong = []
    for row in expected("response"):
        key = (row["problem"], row["language"], row["sample"])
        wanted = {name: row[name] for name in ("parse_status", "fence_rule", "labels", "parses", "verdict")}
        if found.get(key) != wanted:
            wrong.append((key, wanted, found.get(key)))
    assert not wrong
    assert len(expected("response")) >= 160


def test_every_question_becomes_what_its_author_meant(demo: Demo) -> None:
    """Of questions that are meant to be alike (``fate: one of these``) exactly one stays; which, ids decide."""
    home, _ = demo
    with open_lake(home) as lake:
        found = {
            (row["subset"], row["seed_name"], row["sample_index"]): row
            for row in lake.rows("SELECT q.*, s.* EXCLUDE (question_id, subset) FROM synthetic_questions q "
                                 "LEFT JOIN question_screening s USING (question_id)")
        }  # fmt: skip
        origins = {row["problem_id"]: row["origins"] for row in lake.rows("SELECT problem_id, origins FROM deduped_problems")}
    names = {row["question_id"]: key for key, row in found.items()}
    wanted = {(row["subset"], row["seed"], row["sample"]): row for row in expected("question")}
    assert set(wanted) == set(found)
    for key, label in wanted.items():
        row = found[key]
        assert (row["status"], row["reason"].partition(":")[0]) == (label["status"], label["reason"]), key
        if label["status"] != "kept":
            assert row["fate"] is None, key
        elif label["fate"] == "one of these":
            other = tuple(label["alike"])
            assert sorted([row["fate"], found[other]["fate"]]) == ["clean", "duplicate"], key
            assert row["fate"] == "clean" or names[row["duplicate_of"]] == other, key
        else:
            assert row["fate"] == label["fate"], key
            if "duplicate_of" in label:
                assert label["duplicate_of"] in origins[row["duplicate_of"]], key
    assert Counter(key[0] for key in wanted).total() >= 50 and min(Counter(key[0] for key in wanted).values()) >= 3


def test_every_attempt_conversion_and_answer_is_found_to_be_what_its_author_meant(demo: Demo) -> None:
    """Bad tags, wrong tests, tests that prove nothing, a task that tells its solution … each ends where it should. Of questions
    that are meant to be alike one is asked about; recordings of the other are not wanted."""
    home, _ = demo
    named = "q.subset, q.seed_name, q.sample_index"
    parts = {
        "attempt": ("synthetic_attempts", "attempt_id", "NULL", "attempt_index", "NULL"),
        "conversion": ("style_conversions", "conversion_id", "a.style", "try_index", "NULL"),
        "answer": ("kodcode_responses", "response_id", "NULL", "response_index", "a.renamed"),
    }
    with open_lake(home) as lake:
        clean = {tuple(row.values()) for row in lake.rows(f"SELECT {named} FROM clean_questions q")}
        for kind, (table, key, style, index, renamed) in parts.items():
            query = f"""
                SELECT {named}, {style} AS style, a.{index} AS index, a.parse_status, v.status, {renamed} AS renamed
                FROM {table} a JOIN clean_questions q USING (question_id) LEFT JOIN latest_verification v ON subject_id = {key}"""
            found = {tuple(row.values())[:5]: tuple(row.values())[5:] for row in lake.rows(query)}
            wanted = {
                (row["subset"], row["seed"], row["sample"], row.get("style"), row["index"]): (
                    row["parse_status"], row["status"], row.get("renamed"),
                )
                for row in expected(kind)
                if (row["subset"], row["seed"], row["sample"]) in clean
            }  # fmt: skip
            assert found == wanted
        query = "SELECT status, count(*) AS rows FROM synthetic_triplets WHERE style = 'instruct' GROUP BY ALL"
        solved = {row["status"]: row["rows"] for row in lake.rows(query)}
    assert solved == {"verified": len(clean) - 1, "unsolved": 1}


def test_every_problem_row_goes_where_its_author_meant(demo: Demo) -> None:
    home, _ = demo
    with open_lake(home) as lake:
        raw = {row["origin"]: row["raw_id"] for row in lake.rows("SELECT origin, raw_id FROM raw_problems")}
        problems = {
            o: row["problem_id"] for row in lake.rows("SELECT problem_id, origins FROM deduped_problems") for o in row["origins"]
        }
        pairs = {
            (r["problem_id"], f"{r['benchmark']}/{r['item_id']}"): r["decision"] for r in lake.rows("FROM contamination_report")
        }
        clean = {
            row["problem_id"]: row
            for row in lake.rows(
                "SELECT problem_id, contamination, multiple_answers_hint FROM clean_problems JOIN problems USING (problem_id)"
            )
        }
        quarantine = {(r["scope"], r["row"]): r["reason"] for r in lake.rows("SELECT scope, row, reason FROM quarantine")}
    for row in expected("problem"):
        if row["fate"] == "quarantined":
            dataset, _, index = row["problem"].split("/")
            assert quarantine[(dataset, int(index))].startswith(row["reason"]), row
            continue
        assert row["problem"] in raw, row
        if row["fate"] == "merged":
            assert problems[row["problem"]] == problems[row["with"]], row
        elif row["fate"] == "dropped":
            assert problems[row["problem"]] not in clean, row
        elif row["fate"] == "contaminated":
            assert pairs[(problems[row["problem"]], row["item"])] == "confirmed", row
            assert problems[row["problem"]] not in clean, row
        else:
            assert clean[problems[row["problem"]]]["contamination"] == row.get("contamination", "clean"), row
            assert (clean[problems[row["problem"]]]["multiple_answers_hint"] is not None) == row.get("checker_needed", False), row
    listed = {row["problem"] for row in expected("problem")}
    assert set(raw) == {name for name in listed if name in raw}
    assert len(raw) >= 40


def test_the_second_run_asks_nothing_runs_nothing_and_writes_nothing(demo: Demo) -> None:
    """Where it still looks, nothing is new; that all of them look and find nothing is in test_upgrade.py."""
    home, _ = demo
    with open_lake(home) as lake:
        before = lake.rows(
            "SELECT dataset, max(snapshot) AS snapshot, any_value(rows) AS rows FROM dataset_version GROUP BY ALL ORDER BY 1"
        )
    manifest = (home / "releases" / "sft_dataset" / "current" / "manifest.json").stat().st_mtime_ns
    again = run("run", home=home, OCR_SANDBOX="docker")  # as before: another sandbox is another setting
    looked = set(re.findall(r"▸ (\w+)", again.stderr))
    assert looked <= LOOK_TWICE, "others were settled by the first run"
    assert {line for line in again.stderr.splitlines() if " teacher requests" in line and ": 0 teacher" not in line} == set()
    with open_lake(home) as lake:
        after = lake.rows(
            "SELECT dataset, max(snapshot) AS snapshot, any_value(rows) AS rows FROM dataset_version GROUP BY ALL ORDER BY 1"
        )
    assert after == before
    assert (home / "releases" / "sft_dataset" / "current" / "manifest.json").stat().st_mtime_ns == manifest
    once_more = run("run", home=home, OCR_SANDBOX="docker")
    assert "nothing to do" in once_more.stdout
    assert "▸" not in once_more.stderr, "no asset was run"


def test_a_person_opens_the_ui_looks_at_an_asset_and_materializes_it(demo: Demo) -> None:
    home, _ = demo
    with running_ui(home) as address, browser_page() as page:
        page.goto(f"{address}/asset-groups")
        page.get_by_role("button", name=re.compile("Materialize all", re.I)).first.wait_for()
        page.goto(f"{address}/assets/token_statistics")
        expect(page.get_by_text("kept and dropped").first).to_be_visible()
        page.get_by_role("button", name=re.compile("Materialize$", re.I)).first.click()
        wait_for_runs(address, jobs=1)


# What the queries of the assets name, read off them by hand.
READ_BY_HAND = {
    "deduped_problems": {"raw_problems"},
    "contamination_report": {"deduped_problems", "raw_problems"},
    "clean_problems": {"deduped_problems", "raw_problems", "contamination_report"},
    "r1_traces": {"clean_problems", "deduped_problems", "raw_problems"},
    "solutions": {"r1_traces", "deduped_problems", "raw_problems"},
    "suite_validation": {"clean_problems", "deduped_problems", "test_suites"},
    "suite_quality": {"clean_problems", "deduped_problems", "test_suites", "suite_validation"},
    "verdicts": {"solutions", "clean_problems", "deduped_problems", "test_suites", "suite_quality"},
    "verified_triplets": {
        "solutions",
        "clean_problems",
        "deduped_problems",
        "raw_problems",
        "test_suites",
        "verdicts",
        "suite_quality",
    },
    "token_statistics": {"r1_traces", "solutions", "verified_triplets"},
    "subsets": {"verified_triplets", "solutions", "token_counts"},
    "sft_dataset": {"verified_triplets", "solutions", "r1_traces", "clean_problems", "token_counts"},
}


def test_the_run_ends_with_funnel_release_and_lineage_to_try(demo: Demo) -> None:
    _, done = demo
    for words in (
        "raw_problems",
        "quarantined",
        "exact statement match",
        "contaminated:",
        "released",
        "make ui",
        "lineage trace",
    ):
        assert words in done.stdout


def test_every_released_row_leads_back_to_its_source_row(demo: Demo) -> None:
    home, _ = demo
    files = sorted((home / "releases" / "sft_dataset" / "current" / "data").glob("*.parquet"))
    ids = [row for file in files for row in pq.read_table(file, columns=["id"]).column("id").to_pylist()]
    assert ids
    walk = """
        WITH RECURSIVE up AS (
            SELECT child AS id, parent FROM record_edge WHERE stage = 'sft_dataset' AND relation = 'derived'
            UNION SELECT up.id, e.parent FROM up JOIN record_edge e ON e.child = up.parent
        )
        SELECT up.id, min(r.file) AS file, min(r.row) AS row FROM up JOIN raw_problems r ON r.raw_id = up.parent GROUP BY up.id
    """
    with open_lake(home) as lake:
        traced = {row["id"]: row for row in lake.rows(walk)}
    assert set(ids) == set(traced)
    assert all(row["file"] and row["row"] >= 0 for row in traced.values())


def test_every_raw_row_has_a_fate(demo: Demo) -> None:
    home, _ = demo
    with open_lake(home) as lake:
        assert lake.scalar("SELECT count(*) FROM raw_problems r ANTI JOIN record_edge e ON e.parent = r.raw_id") == 0
        assert lake.scalar("SELECT count(*) FROM solutions s ANTI JOIN record_edge e ON e.parent = s.solution_id") == 0


def test_what_the_assets_read_is_what_the_graph_declares(demo: Demo) -> None:
    home, _ = demo
    with open_lake(home) as lake:
        assert undeclared_reads(lake) == []
        reads: dict[str, set[str]] = {}
        for row in lake.rows("SELECT stage, dataset FROM run_io WHERE direction = 'input'"):
            reads.setdefault(row["stage"], set()).add(row["dataset"])
    for stage, tables in READ_BY_HAND.items():
        assert tables <= reads[stage], stage


def test_the_release_has_the_declared_columns_and_loads_with_datasets(demo: Demo, tmp_path: Path) -> None:
    home, _ = demo
    folder = home / "releases" / "sft_dataset" / "current"
    script = (
        "import sys; from datasets import load_dataset\n"
        "rows = load_dataset('parquet', data_files={'python': sys.argv[1] + '/data/python-*.parquet'}, split='python')\n"
        "whole = load_dataset(sys.argv[1])\n"
        "print(len(rows), rows.column_names, sorted(whole))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        capture_output=True, text=True,
        env={"HOME": str(tmp_path), "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    rows, rest = done.stdout.split(" ", 1)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert int(rows) == manifest["rows"]["python"]
    assert rest.strip() == f"{[column.name for column in SFT_DATASET.columns]} ['cpp', 'python']"
    card = (folder / "README.md").read_text()
    assert "| `verdict` |" in card and "CC-BY-4.0" in card


def test_reasoning_tags_are_whole_in_the_release(demo: Demo) -> None:
    home, _ = demo
    rows = pq.read_table(home / "releases" / "sft_dataset" / "current" / "data" / "python-00000.parquet").to_pylist()
    assert all(row["output"].lstrip().startswith("<think>") for row in rows if row["parse_status"] != "empty")


def test_lineage_commands_answer(demo: Demo) -> None:
    home, _ = demo
    with open_lake(home) as lake:
        released = lake.scalar("SELECT min(child) FROM record_edge WHERE stage = 'sft_dataset' AND relation = 'derived'")
        merged = lake.scalar("SELECT min(parent) FROM record_edge WHERE relation = 'merged_into'")
        dropped = lake.scalar("SELECT min(parent) FROM record_edge WHERE stage = 'clean_problems' AND relation = 'dropped'")
    assert "train.jsonl row" in run("lineage", "trace", released, home=home).stdout
    assert "merged into" in run("lineage", "why", merged, home=home).stdout
    assert "dropped by clean_problems: contaminated" in run("lineage", "why", dropped, home=home).stdout
    assert "sft_dataset" in run("lineage", "funnel", home=home).stdout
    unknown = run("lineage", "why", "raw_nothere", home=home, check=False)
    assert unknown.returncode == 2 and "raw_nothere is not in the lake" in unknown.stderr


def test_filters_choose_at_export_and_say_why(demo: Demo, tmp_path: Path) -> None:
    import dagster as dg

    from ocr_assets.definitions import build_definitions
    from ocr_assets.exports.assets import RELEASE_ASSETS

    home, _ = demo
    copy = tmp_path / "home"
    subprocess.run(["cp", "-r", str(home), str(copy)], check=True)
    resources = build_definitions().resources or {}
    resources = {**resources, "lake": type(resources["lake"])(home=str(copy))}
    wanted = {"keep": "accepted", "languages": ["cpp"], "release_as": "accepted_cpp"}
    config = dg.RunConfig({"sft_dataset": {"config": wanted}})
    result = dg.materialize([RELEASE_ASSETS[0]], resources=resources, run_config=config)
    assert result.success
    rows = pq.read_table(copy / "releases" / "accepted_cpp" / "current" / "data" / "cpp-00000.parquet").to_pylist()
    assert {row["verdict"] for row in rows} == {"accepted"}
    with open_lake(copy) as lake:
        reasons = {
            row["reason"]
            for row in lake.rows("SELECT reason FROM record_edge WHERE stage = 'accepted_cpp' AND relation = 'dropped'")
        }
    assert reasons == {"filter: not accepted", "filter: language python", "filter: contamination undecided"}


def test_a_plain_duckdb_client_can_read_the_lake(demo: Demo) -> None:
    import duckdb

    from resources.lake import load_extensions

    home, _ = demo
    client = duckdb.connect()
    load_extensions(client)
    client.execute(f"ATTACH 'ducklake:sqlite:{home}/lake/catalog.sqlite' AS lake (READ_ONLY)")
    client.execute("USE lake")
    assert client.execute("SELECT sum(rows) FROM funnel WHERE stage = 'sft_dataset' AND outcome = 'released'").fetchone()[0] > 0
    assert client.execute("SELECT count(*) FROM triplets WHERE len(tests) > 0").fetchone()[0] > 0


def test_the_row_that_the_documents_follow_has_come_that_way(demo: Demo) -> None:
    pages = (ROOT / "README.md", ROOT / "docs" / "architecture.md")
    named = {found for page in pages for found in re.findall(r"\b[a-z]+_[0-9a-f]{20}\b", page.read_text(encoding="utf-8"))}
    (released,) = (row_id for row_id in named if row_id.startswith("sft_"))
    with open_lake(demo[0]) as lake:
        steps = lake.rows("FROM trace(?)", [released])
        (walked,) = lake.rows("SELECT verdict, tests_passed, tests_total FROM verified_triplets WHERE triplet_id = ?",
                              [next(row_id for row_id in named if row_id.startswith("trip_"))])  # fmt: skip
    assert len(named) == 8 and named == {step[end] for step in steps for end in ("id", "parent")}
    assert walked == {"verdict": "wrong_answer", "tests_passed": 3, "tests_total": 8}, "as docs/architecture.md tells it"


# ---- choices that last: here, since it begins with the demo's home ------------------------------------------------

PROJECT = """
[releases.accepted]
profile = "ocr"
keep = "accepted"

[r1_traces]
python_samples = 7
"""


def test_releases_have_names_and_a_plain_run_changes_no_other(demo: Demo, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo[0], home, symlinks=True)
    before = (home / "releases" / "sft_dataset" / "current" / "manifest.json").read_text()
    (tmp_path / "ocr.toml").write_text(PROJECT)
    project = {"OCR_PROJECT": str(tmp_path / "ocr.toml")}

    done = run("run", "--select", "r1_traces", "--select", "group:release", "--set", "accepted.languages=[\"cpp\"]",
               "--set", "accepted.release_as=mine", home=home, **project)  # fmt: skip
    assert "mine: " in done.stderr and "r1_traces: 0 teacher requests" in done.stderr
    assert not (home / "releases" / "accepted").exists(), "what was made has another name"
    run("run", "--only", "accepted", home=home, **project)
    manifests = {
        name: json.loads((home / "releases" / name / "current" / "manifest.json").read_text()) for name in ("mine", "accepted")
    }
    assert manifests["accepted"]["filters"]["keep"] == "accepted" == manifests["mine"]["filters"]["keep"]
    assert set(manifests["mine"]["rows"]) == {"cpp"} and set(manifests["accepted"]["rows"]) == {"cpp", "python"}
    assert (home / "releases" / "sft_dataset" / "current" / "manifest.json").read_text() == before

    refused = run("run", "--select", "sft_dataset", "--set", "sft_dataset.keep=accepted", home=home, check=False, **project)
    assert refused.returncode == 1
    assert "sft_dataset: keep='accepted' is not what the project says of this release" in refused.stderr
    assert (home / "releases" / "sft_dataset" / "current" / "manifest.json").read_text() == before
    with open_lake(home) as lake:
        (row,) = lake.rows("SELECT configuration, project FROM run ORDER BY started_at DESC LIMIT 1")
        assert json.loads(row["project"])["file"] == str(tmp_path / "ocr.toml")
        (first,) = lake.rows("SELECT r.configuration FROM run r JOIN release_version v USING (run_id) WHERE v.release = 'mine'")
        assert json.loads(first["configuration"])["assets"]["r1_traces"]["python_samples"] == 7
        assert json.loads(first["configuration"])["assets"]["accepted"]["languages"] == ["cpp"]
