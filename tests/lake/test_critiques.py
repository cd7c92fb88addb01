"""What a critic says of solutions, through the lake: judgements against verdicts, the answer that it selects, absurd answers."""

import json
import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ocr_assets import samples
from ocr_assets.analysis.asked_assets import critiques
from ocr_assets.analysis.critiques.asking import judgement_of
from ocr_assets.analysis.critiques.criticising import criticise
from ocr_assets.analysis.critiques.judging import accuracy
from ocr_assets.analysis.critiques.settings import CritiqueSettings
from ocr_assets.analysis.rounds import Rounds
from resources.lake import RunInfo
from resources.models.budget import Budget
from resources.models.endpoint import EndpointModel
from resources.settings import CriticResource, LakeResource, TokenizerResource
from tests.support.fake_teacher import FakeTeacher
from tests.support.lakes import new_lake
from tests.support.reasoned import filled, response


@pytest.mark.parametrize(
    ("answer", "finish", "found"),
    [
        ("Fine. <judgement>right</judgement>", "stop", ("ok", "right")),
        ("<judgement> **Wrong.** </judgement>\n", "stop", ("ok", "wrong")),
        ("<judgment>RIGHT</judgment>", "stop", ("ok", "right")),
        ("<judgement>right</judgement> Once more: <judgement>right</judgement>", "stop", ("ok", "right")),
        ("<judgement>right</judgement> or <judgement>wrong</judgement>", "stop", ("two_judgements", None)),
        ("<judgement>right or wrong</judgement>", "stop", ("other_judgement", None)),
        ("<judgement>not right</judgement>", "stop", ("other_judgement", None)),
        ("<judgement></judgement>", "stop", ("empty_judgement", None)),
        ("<judgement>right", "stop", ("no_judgement", None)),
        ("<judgement><judgement>right</judgement></judgement>", "stop", ("ok", "right")),
        ("It is right.", "stop", ("no_judgement", None)),
        ("<judgement>right</judgement>", "length", ("truncated", None)),
        ("", "stop", ("no_answer", None)),
        (None, None, ("no_answer", None)),
        ("<judgement>" * 100_000, "stop", ("no_judgement", None)),
        ("<judgement>ｒｉｇｈｔ</judgement>", "stop", ("other_judgement", None)),
        ("<judgement>\x00right</judgement>", "stop", ("other_judgement", None)),
    ],
)
def test_only_one_word_between_tags_judges(answer: str | None, finish: str | None, found: tuple[str, str | None]) -> None:
    assert judgement_of(answer, finish) == found


def criticised(home: Path, url: str, budget: Budget | None = None, **settings: Any) -> Rounds:
    """What a run of the criticism did."""
    with new_lake(home / "lake") as lake:
        rounds = Rounds(
            lake, RunInfo("test"), home / "journal", EndpointModel("critic", [url], None, "template"), budget or Budget(),
            lambda texts: [len(text) for text in texts], print, lambda figures: None,
        )  # fmt: skip
        criticise(rounds, CritiqueSettings(**settings), "critic")
    return rounds


@pytest.mark.long
def test_judgements_stand_beside_verdicts_and_the_shortest_right_one_selects(tmp_path: Path) -> None:
    """Eight solutions: two problems, one in two languages; a wrong one is judged right, and one verdict is not trusted."""
    said = {
        0: ("right", "accepted"), 1: ("right", "wrong_answer"), 2: ("wrong", "wrong_answer"), 3: ("wrong", "accepted"),
        4: ("neither", "accepted"), 5: ("right", "suspect"), 6: ("right", "accepted"), 7: ("both", "wrong_answer"),
    }  # fmt: skip
    where = {n: {"at": n // 4, "language": "cpp" if n == 6 else "python"} for n in said}
    home = filled(tmp_path, [response(n, verdict=verdict, **where[n]) for n, (_, verdict) in said.items()])

    def answer(body: dict[str, Any]) -> str:
        number = int(re.findall(r"print\((\d+)\)", body["messages"][-1]["content"])[-1])
        words = {"right": "<judgement>right</judgement>", "wrong": "<judgement>wrong</judgement>", "neither": "Who knows?"}
        words["both"] = words["right"] + words["wrong"]
        return f"Let me see, number {number}.\n</think>\n\n{words[said[number][0]]}"

    with FakeTeacher(answer) as server:
        first = criticised(home, server.url, Budget(max_requests=5))
        assert (first.asked, first.left) == (5, 3), "a budget holds, and what is left is said"
        assert criticised(home, server.url).asked == 3
        assert criticised(home, server.url).asked == 0 and len(server.bodies) == 8
    with new_lake(home / "lake") as lake:
        found = {int(row["solution_id"][4:], 16): row for row in lake.rows("FROM critiques")}
        assert {n: row["agrees"] for n, row in found.items()} == {
            0: True, 1: False, 2: True, 3: False, 4: None, 5: None, 6: True, 7: None,
        }  # fmt: skip
        assert [found[n]["parse_status"] for n in (4, 7)] == ["no_judgement", "two_judgements"]
        chosen = [row for row in found.values() if row["selected"]]
        assert len(chosen) == 3 and all(row["judgement"] == "right" for row in chosen)
        (counts,) = lake.rows("FROM critic_accuracy WHERE grouping = 'all'")
        cells = ("right_passes", "right_fails", "wrong_passes", "wrong_fails", "no_judgement", "no_verdict")
        assert [counts[name] for name in cells] == [2, 1, 1, 1, 2, 1]
        assert counts["critiques"] == 8 and counts["accuracy"] == 0.6 and counts["low"] < 0.6 < counts["high"]
        assert counts["choices"] == 2 and counts["best_pass"] == 1.0 and counts["average_pass"] == pytest.approx(0.75)
        (text,) = lake.rows(
            "SELECT critique FROM critique_texts JOIN critiques USING (critique_id) WHERE parse_status = 'no_judgement'"
        )
        assert text["critique"] == "<think>\nLet me see, number 4.\n</think>\n\nWho knows?"
        fates = lake.rows(
            "SELECT outcome, sum(rows)::INT AS rows FROM funnel WHERE stage = 'critiques' GROUP BY ALL ORDER BY ALL"
        )
        assert fates == [{"outcome": "in", "rows": 8}, {"outcome": "kept", "rows": 6}, {"outcome": "not counted", "rows": 2}]


def test_shares_of_nothing_are_null_and_the_measures_are_those_of_the_textbooks() -> None:
    none = dict.fromkeys(("right_passes", "right_fails", "wrong_passes", "wrong_fails"), 0)
    (row,) = accuracy([none])
    assert all(row[name] is None for name in ("accuracy", "low", "high", "precision", "recall", "specificity", "correlation"))
    (row,) = accuracy([{"right_passes": 45, "right_fails": 5, "wrong_passes": 15, "wrong_fails": 35}])
    assert (row["accuracy"], row["precision"], row["recall"], row["specificity"]) == (0.8, 0.9, 0.75, 0.875)
    assert (row["low"], row["high"]) == pytest.approx((0.7112, 0.8667), abs=1e-4)
    assert row["correlation"] == pytest.approx((45 * 35 - 5 * 15) / (50 * 60 * 40 * 50) ** 0.5)


@pytest.mark.long
def test_the_bundled_critiques_are_what_their_authors_meant(tmp_path: Path) -> None:
    names = [
        json.loads(line)["alias"].split("|")[1:4] for line in (samples.CRITIQUES / "critiques.jsonl").read_text().splitlines()
    ]
    rows = [
        response(n, at=int(origin.rpartition("/")[2]), language=language, sample_index=int(sample))
        for n, (origin, language, sample) in enumerate(names)
    ]
    home = filled(tmp_path, rows)
    resources = {"lake": LakeResource(home=str(home)), "critic": CriticResource(), "tokenizer": TokenizerResource()}
    done = dg.materialize([critiques], resources=resources, instance=dg.DagsterInstance.ephemeral())
    (event,) = done.asset_materializations_for_node("critiques")
    assert done.success and event.metadata["critic requests"].value == len(rows)
    assert "data:image/png" in str(event.metadata["accuracy of the critic"].value)
    with new_lake(home / "lake") as lake:
        statuses = lake.rows(
            "SELECT parse_status, count(*)::INT AS rows FROM critiques WHERE judgement IS NULL GROUP BY ALL ORDER BY 1"
        )
        assert {row["parse_status"]: row["rows"] for row in statuses} == {
            "no_judgement": 1, "other_judgement": 1, "truncated": 1, "two_judgements": 1,
        }  # fmt: skip
        assert lake.scalar("SELECT count(*) FROM critiques WHERE selected") == 6
