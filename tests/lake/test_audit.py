"""The figures of an audit are those of the rows, and a dataset cannot write on its page."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt

from ocr_assets.analysis.audit import write_audit
from ocr_assets.cli import main
from ocr_assets.schema import BENCHMARK_ITEMS, VERIFIED_TRIPLETS
from ocr_assets.traces.solutions import parse_new
from resources.lake import Lake, RunInfo
from tests.support.lakes import new_lake
from tests.support.published import ANSWER, jsonl, open_code_reasoning, read_answers, read_problems
from tests.support.rows import row_of

HOSTILE = "cf | <img src=x onerror=alert(1)> [a](http://evil) `"


def filled(lake: Lake, folder: Path) -> None:
    """Five distinct answers, one of which came twice, and a row that is none: one accepted, two wrong, one untrusted, one not judged."""
    rows = [open_code_reasoning(number, output=f"{ANSWER}\n{number}", source=HOSTILE, input="Add.") for number in range(5)]
    own = [
        {"text": row["output"], "q": "Add.", "ok": number < 3, "code": row["solution"] if number else "other"}
        for number, row in enumerate(rows)
    ]
    jsonl(folder / "a.jsonl", [*own, own[0], {"text": None, "q": "x"}])
    columns = 'response = "text"\nstatement = "q"\ncorrect = "ok"\nsolution = "code"'
    (folder / "published.toml").write_text(f"name = '{HOSTILE}'\n[columns]\n{columns}\n")
    read_problems(lake, folder, sources=())
    read_answers(lake, folder)
    parse_new(lake, RunInfo("parse"), lambda line: None)
    verdicts: list[dict[str, Any]] = [
        {"verdict": "accepted", "trusted": True, "reason": "accepted"},
        {"verdict": "wrong_answer", "trusted": True, "reason": f"wrong_answer on test 1 of 2: got '{HOSTILE}'"},
        {"verdict": "wrong_answer", "trusted": False, "reason": "wrong_answer on test 2 of 2: x"},
        {"verdict": None, "trusted": False, "reason": "not graded: no tests"},
        {"verdict": "time_limit", "trusted": True, "reason": "time_limit on test 1 of 2: x"},
    ]
    order = "SELECT s.*, r.sample_index AS nth FROM solutions s JOIN r1_traces r USING (response_id) ORDER BY nth"
    with lake.write(RunInfo("triplets"), "verified_triplets") as write:
        write.sync(
            VERIFIED_TRIPLETS,
            (
                row_of(
                    VERIFIED_TRIPLETS, triplet_id=f"trip_{row['nth']}", problem_id=row["problem_id"], response_id=row["response_id"],
                    solution_id=row["solution_id"], source=HOSTILE, solution=row["code"], response_license="CC-BY-4.0", **verdict,
                )
                for row, verdict in zip(lake.rows(order), verdicts, strict=True)
            ),
        )  # fmt: skip


@pytest.mark.slow
def test_the_figures_are_those_of_the_rows_and_the_dataset_cannot_write_on_the_page(tmp_path: Path) -> None:
    with new_lake(tmp_path / "lake") as lake:
        filled(lake, tmp_path / "published")
        page = write_audit(lake, HOSTILE, tmp_path / "out", 0.5)
        text = page.read_text()
        assert (
            "Of 5 distinct answers to problems that are clean, 1 (20.0 %) are accepted with trust and 2 (40.0 %) are wrong"
            in text
        )
        assert "6 distinct rows of a share of 0.5: 5 (83.3 %) belong to a problem" in text
        assert "Of 3 answers that the dataset calls right or wrong and that we judged with trust, 1 (33.3 %)" in text
        assert "Of 5 answers whose code the dataset took out, 1 (20.0 %) have other code" in text
        assert "5 answers hold 1 distinct programs" in text
        assert "**Not compared with any public benchmark**" in text
        assert (tmp_path / "out" / "verdicts.png").read_bytes().startswith(b"\x89PNG")
        tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
        inner = [child for token in tokens for child in token.children or []]
        assert not [child for child in inner if child.type in ("html_inline", "link_open")] and not [
            t for t in tokens if t.type == "html_block"
        ]
        assert [child.attrs["src"] for child in inner if child.type == "image"] == ["verdicts.png"]
        with lake.write(RunInfo("items"), "contamination_report") as write:
            write.sync(BENCHMARK_ITEMS, [row_of(BENCHMARK_ITEMS, benchmark="humaneval", item_id="1")])
        assert "Not compared" not in write_audit(lake, "x", tmp_path / "out").read_text()


@pytest.mark.slow
def test_an_empty_lake_has_a_page_too(tmp_path: Path) -> None:
    with new_lake(tmp_path / "lake") as lake:
        assert "0 distinct rows" in write_audit(lake, "x", tmp_path / "out").read_text()


@pytest.mark.parametrize(
    ("given", "said"), [(["/no/such"], "no such folder"), (["bundled", "--share", "0"], "range"), (["a,b"], "no such folder")]
)
def test_what_cannot_be_audited_is_refused_in_a_line(given: list[str], said: str) -> None:
    done = CliRunner().invoke(main, ["audit", *given])
    assert done.exit_code == 2 and said in done.output and "Traceback" not in done.output


@pytest.mark.long
def test_the_bundled_dataset_is_audited_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_HOME", str(tmp_path / "project"))
    done = CliRunner().invoke(main, ["audit", "bundled", "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "out" / "audit.md").read_text()
    assert "Of 5 distinct answers to problems that are clean, 2 (40.0 %) are accepted with trust and 3 (60.0 %) are wrong" in text
    assert "2 (40.0 %) are labelled otherwise than we find" in text
    assert not (tmp_path / "project" / "lake").exists(), "the project's lake is not touched"


def test_a_smaller_share_after_a_larger_one_is_about_the_larger(tmp_path: Path) -> None:
    from ocr_assets.cli.audit import _largest_share

    assert [_largest_share(tmp_path / "home", share) for share in (0.1, 0.01, 0.5, 0.2)] == [0.1, 0.1, 0.5, 0.5]
