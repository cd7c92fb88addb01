"""Named subsets of the triplets: nested, of equal size where they are compared, the same again from snapshot and seed."""

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ocr_assets.analysis.assets import subsets, token_statistics
from ocr_assets.analysis.subsets import Family, load_families, make
from ocr_assets.analysis.tokens import count_new
from resources.lake import Lake
from resources.settings import LakeResource, TokenizerResource
from tests.lake.test_tokens import RUN, TOKENIZER, put, triplet
from tests.support.lakes import new_lake

VERDICTS = ("accepted", "accepted", "accepted", "wrong_answer", "time_limit", None, "sandbox_error")


def varied(count: int) -> list[dict[str, Any]]:
    return [
        triplet(
            number,
            verdict=VERDICTS[number % 7],
            language="cpp" if number % 5 == 0 else "python",
            source=("codeforces", "atcoder", "it's")[number % 3],
            difficulty=("EASY", "1500", "VERY_HARD", None)[number % 4],
            parse_status="truncated" if number % 11 == 0 else "ok",
            trusted=True,
        )
        for number in range(count)
    ]


def made(lake: Lake, families: Mapping[str, Family] | None = None) -> dict[str, dict[str, Any]]:
    """The subsets by name."""
    count_new(lake, RUN, TOKENIZER, lambda line: None)
    with lake.write(RUN, "subsets") as write:
        make(lake, write, families or load_families())
    return {row["subset"]: row for row in lake.rows("FROM subsets")}


def members(lake: Lake, subset: Mapping[str, Any]) -> set[str]:
    query = "SELECT triplet_id FROM subset_rows WHERE family = ? AND position < ?"
    return {row["triplet_id"] for row in lake.rows(query, [subset["family"], subset["rows"]])}


@pytest.fixture
def lake(tmp_path: Path) -> Any:
    with new_lake(tmp_path / "lake") as lake:
        put(lake, varied(140))
        yield lake


@pytest.mark.slow
def test_the_bundled_ones_are_those_of_the_papers_ablations(lake: Lake) -> None:
    found = made(lake)
    assert {"scale_25k", "scale_700k", "scale", "unfiltered", "passing", "failing", "python", "python_cpp", "hard"} <= set(found)
    assert found["passing"]["rows"] == found["failing"]["rows"] == found["unfiltered_matched"]["rows"] > 20
    assert found["unfiltered"]["rows"] > 2 * found["passing"]["rows"] - 20
    assert (found["passing"]["accepted_share"], found["failing"]["accepted_share"]) == (1.0, 0.0)
    assert members(lake, found["python"]) < members(lake, found["python_cpp"])
    assert found["python"]["python_share"] == 1.0 > found["python_cpp"]["python_share"] > 0.7
    assert found["hard"]["hard_share"] == 1.0
    assert found["scale_25k"]["asked_rows"] == 25_000 > found["scale_25k"]["rows"] == found["scale"]["rows"]


@pytest.mark.slow
def test_smaller_subsets_lie_in_larger_ones_and_look_like_them(lake: Lake) -> None:
    families = {"mine": Family(title="Mine", sizes=(10, 40, 90, 5000), stratify=("source", "language"), seed=7)}
    found = made(lake, families)
    chain = [members(lake, found[name]) for name in ("mine_10", "mine_40", "mine_90", "mine_5k", "mine")]
    assert [len(ids) for ids in chain] == [10, 40, 90, 127, 127]
    assert all(small <= large for small, large in itertools.pairwise(chain))
    whole, half = (json.loads(found[name]["sources"]) for name in ("mine", "mine_40"))
    assert sum(whole.values()) == 127
    assert all(abs(half[source] - 40 * count / 127) <= 3 for source, count in whole.items())
    assert found["mine_40"]["problems"] == 3 and found["mine_40"]["tokens"] < found["mine_90"]["tokens"]


@pytest.mark.slow
def test_a_subset_is_the_same_again_from_its_query(lake: Lake) -> None:
    """Whatever became of the lake since: names snapshot and seed, and nothing else."""
    families = {"mine": Family(title="Mine", sizes=(20,), seed=3, verdicts=("accepted",)), "other": Family(title="Other", seed=4)}
    before = made(lake, families)
    ids = {name: members(lake, row) for name, row in before.items()}
    put(lake, [{**row, "verdict": "wrong_answer"} for row in varied(170)])
    after = made(lake, families)
    assert after["mine"]["rows"] == 0 and after["other"]["data_version"] != before["other"]["data_version"]
    for name, row in before.items():
        assert {found["triplet_id"] for found in lake.rows(row["query"])} == ids[name]


@pytest.mark.slow
def test_nothing_new_changes_nothing(lake: Lake) -> None:
    first = made(lake)
    version = lake.version("subsets"), lake.version("subset_rows")
    with lake.write(RUN, "clean_problems"):
        pass
    assert made(lake) == first and (lake.version("subsets"), lake.version("subset_rows")) == version


@pytest.mark.slow
def test_an_empty_lake_and_one_row(tmp_path: Path) -> None:
    with new_lake(tmp_path) as lake:
        found = made(lake)
        assert all(row["rows"] == row["tokens"] == row["problems"] == 0 and row["sources"] == "{}" for row in found.values())
        put(lake, [triplet(1, parse_status="ok", verdict=None)])
        found = made(lake)
        assert (found["scale"]["rows"], found["scale_25k"]["rows"], found["passing"]["rows"]) == (1, 1, 0)
        assert found["scale"]["accepted_share"] is None, "nothing was judged"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[mine]", "[mine] title: Field required"),
        ("[Mine]\ntitle='x'", "a family is a section whose name"),
        ("mine = 1", "a family is a section"),
        ("[mine]\ntitle='x'\nsizes=[3, 2]", "[mine] sizes"),
        ("[mine]\ntitle='x'\nsizes=[0]", "[mine] sizes"),
        ("[mine]\ntitle='x'\nverdict=['accepted']", "[mine] verdict"),
        ("[mine]\ntitle='x'\nas_many_as=['other']", "no family other"),
        ("[scale_25k]\ntitle='x'", "two subsets have the name scale_25k"),
        ("[mine", "no TOML"),
    ],
)
def test_a_wrong_definition_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises(ValueError) as error:
        load_families(file)
    assert complaint in str(error.value)
    with pytest.raises(ValueError, match="No such file"):
        load_families(tmp_path / "none.toml")


@pytest.mark.long
def test_the_asset_takes_definitions_of_ones_own(tmp_path: Path) -> None:
    with new_lake(tmp_path / "lake") as lake:
        put(lake, varied(30))
    own = tmp_path / "own.toml"
    own.write_text('[mine]\ntitle = "Mine"\nsizes = [5]\n')
    done = dg.materialize(
        [token_statistics, subsets],
        resources={"lake": LakeResource(home=str(tmp_path)), "tokenizer": TokenizerResource()},
        run_config={"ops": {"subsets": {"config": {"definitions": str(own)}}}},
    )
    (event,) = done.asset_materializations_for_node("subsets")
    assert event.metadata["subsets"].value["mine_5"] == 5
    with new_lake(tmp_path / "lake") as lake:
        assert lake.rows("SELECT subset, rows FROM subsets WHERE family = 'mine' ORDER BY rows") == [
            {"subset": "mine_5", "rows": 5},
            {"subset": "mine", "rows": 27},
        ]
    assert (tmp_path / "analysis" / "subsets" / "rows_of_subsets.png").is_file()
