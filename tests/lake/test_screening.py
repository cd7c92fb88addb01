"""Scores are measured once: parts equal the whole, a second run measures nothing, another policy asks nothing."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from ocr_assets import cli
from ocr_assets.problems.assets import (
    NO_PUBLIC_BENCHMARK,
    ContaminationConfig,
    clean_problems,
    contamination_report,
    deduped_problems,
    raw_problems,
)
from ocr_assets.problems.decontamination.benchmarks import item_of
from ocr_assets.problems.decontamination.screening import LEAST_NGRAMS, Items, compare, screen
from ocr_assets.problems.decontamination.settings import OVERLAP_FLOOR, DecontaminationSettings
from ocr_assets.texts.normalize import normalize
from resources.lake import Lake, RunInfo
from resources.settings import (
    EmbedderResource,
    JudgesResource,
    LakeResource,
    SourcesResource,
    TokenizerResource,
    WrongSetting,
    environment_defaults,
)
from tests.support.lakes import new_lake
from tests.support.rows import problem as whole_problem
from tests.support.rows import put_problems
from tests.support.size import size

WORDS = [
    "sum",
    "array",
    "tree",
    "path",
    "count",
    "largest",
    "smallest",
    "graph",
    "row",
    "word",
    "string",
    "number",
    "edge",
    "node",
    "list",
    "query",
    "range",
    "prime",
]


class WordVectors:
    """Few words, few dimensions: many texts are alike, some equally so; it counts what it is asked to embed."""

    model = "words"

    def __init__(self) -> None:
        self.embedded = 0

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.embedded += len(texts)
        vectors = np.full((len(texts), 6), 0.05, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.split():
                vectors[row, sum(word.encode()) % 6] += 1
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def problem(name: str, statement: str) -> dict[str, Any]:
    return whole_problem(0, problem_id=f"prob_{name}", raw_id=name, statement=statement, origins=[f"taco/train/{name}"])


def run(
    lake: Lake,
    problems: Sequence[dict],
    items: Sequence[dict],
    model: Any = None,
    settings: DecontaminationSettings | None = None,
):
    """Put problems into the lake and screen them."""
    with lake.write(RunInfo("run"), "deduped_problems") as write:
        put_problems(write, problems)

    def writing():
        return lake.write(RunInfo("run"), "contamination_report")

    return screen(lake, writing, items, model or WordVectors(), settings or DecontaminationSettings(neighbours=2, ngram=3))  # type: ignore[arg-type]


def scores(lake: Lake) -> tuple[list, list, list]:
    return (
        lake.rows("FROM contamination_scores ORDER BY pair_id"),
        lake.rows("FROM screened ORDER BY subject"),
        lake.rows("FROM benchmark_items ORDER BY item_key"),
    )


texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)


@pytest.mark.slow
@pytest.mark.sized
@settings(max_examples=size(3, 10))
@given(st.lists(texts, min_size=1, max_size=7), st.lists(texts, min_size=1, max_size=9), st.data())
def test_screening_in_parts_equals_screening_at_once(statements, questions, data) -> None:
    problems = [problem(f"{n:02}", statement) for n, statement in enumerate(statements)]
    items = [item_of(f"bench{n % 2}", str(n), question) for n, question in enumerate(questions)]
    first = data.draw(st.integers(0, len(items)))
    gone = data.draw(st.integers(0, len(items)))
    some = data.draw(st.integers(0, len(problems)))
    with tempfile.TemporaryDirectory() as folder:
        with new_lake(Path(folder) / "whole") as lake:
            run(lake, problems, items)
            whole = scores(lake)
        with new_lake(Path(folder) / "parts") as lake:
            run(lake, problems[:some], items[:first])
            run(lake, [problem("00", "an edited statement"), *problems[1:]], items[gone:])
            run(lake, problems, items[::-1])
            assert scores(lake) == whole
            model = WordVectors()
            again = run(lake, problems, items, model)
            assert (model.embedded, again.problems, again.items, scores(lake)) == (0, 0, 0, whole)
    # For each problem and benchmark the nearest two are there, as a plain computation finds them.
    by_key = {item["item_key"]: item for item in items}
    embed = WordVectors().embed
    for row in problems:
        mine = [score for score in whole[0] if score["problem_id"] == row["problem_id"]]
        for bench in {item["benchmark"] for item in items}:
            own = {item["item_key"]: item["question"] for item in by_key.values() if item["benchmark"] == bench}
            cosines = np.round(embed([row["statement"]]).astype(np.float64) @ embed(list(own.values())).astype(np.float64).T, 4)[
                0
            ]
            best = sorted((cosine for cosine in cosines.tolist() if cosine >= 0.5), reverse=True)[:2]
            kept = sorted((score["cosine"] for score in mine if score["benchmark"] == bench), reverse=True)
            assert np.allclose(kept[: len(best)], best, atol=1.1e-4)


@pytest.mark.slow
def test_only_new_items_and_problems_are_compared(tmp_path: Path) -> None:
    problems = [problem(str(n), " ".join(WORDS[n : n + 4])) for n in range(6)]
    items = [item_of("bench", str(n), " ".join(WORDS[n : n + 3]), "v1") for n in range(5)]
    with new_lake(tmp_path / "lake") as lake:
        done = run(lake, problems[:4], items[:3])
        assert (done.problems, done.items) == (4, 3)
        released = [{**item, "version": "v2"} for item in items[:3]]  # the next release repeats the items of the last
        done = run(lake, problems[:4], [*released, *items[3:]])
        assert (done.problems, done.items) == (0, 2)
        done = run(lake, problems, [*released, *items[3:]])
        assert (done.problems, done.items) == (2, 0)
        assert (
            run(lake, problems, items, settings=DecontaminationSettings(neighbours=1, ngram=3)).problems == 6
        )  # measured otherwise: measured anew


def test_equal_texts_and_shared_ngrams_are_found_whatever_the_embedding_says() -> None:
    item = "Given a list of n whole numbers print the largest sum of any run of them that stand side by side in the list"
    story = "Bob likes sums . " + item + " . Answer for many lists ."
    items = [item_of("b", "1", item), item_of("b", "2", "Print the sum of two numbers")]
    vectors = np.eye(4, 8, dtype=np.float32)
    made = Items(items, np.eye(2, 8, k=4, dtype=np.float32), DecontaminationSettings())
    statements = [item.upper(), story, "Print the sum of two numbers", "Print a tree ."]
    found = compare(
        [str(n) for n in range(4)], [normalize(text) for text in statements], vectors, made, DecontaminationSettings()
    )
    told = {
        (row["problem_id"], row["item_key"]): (row["exact"], row["overlap"]) for row in found if row["exact"] or row["overlap"]
    }
    one, two = (entry["item_key"] for entry in items)
    assert told == {("0", one): (True, 1.0), ("1", one): (False, 1.0), ("2", two): (True, 0.0)}  # too short for n-grams


@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=14), max_size=5), st.lists(st.lists(st.sampled_from("abc"), max_size=9))
)
@settings(max_examples=size(60, 500))
def test_overlap_is_the_share_of_the_items_ngrams_that_the_text_has(texts: list[list[str]], questions: list[list[str]]) -> None:
    width = 2
    items = [item_of("b", str(number), " ".join(words)) for number, words in enumerate(questions)]
    chosen = DecontaminationSettings(ngram=width)
    made = Items(items, np.zeros((len(items), 8), np.float32), chosen)
    statements = [" ".join(words) for words in texts]
    rows = compare([str(n) for n in range(len(texts))], statements, np.zeros((len(texts), 8), np.float32), made, chosen)

    def ngrams(words: list[str]) -> set[tuple[str, ...]]:
        return {tuple(words[start : start + width]) for start in range(len(words) - width + 1)}

    expected = {
        (str(number), item["item_key"]): share
        for number, words in enumerate(texts)
        for item, question in zip(items, questions, strict=True)
        if len(wanted := ngrams(question)) >= LEAST_NGRAMS
        and (share := round(len(wanted & ngrams(words)) / len(wanted), 4)) >= OVERLAP_FLOOR
    }
    assert {(row["problem_id"], row["item_key"]): row["overlap"] for row in rows if row["overlap"]} == expected


# --- the asset


STATEMENTS = {
    "copy": "Return the sum of the even numbers in a list of integers, or zero if there are none of them.",
    "other": "A grid of lamps is lit row by row; count the lamps that are never lit after q switches.",
    "near": "You get a list of integers. Compute the sum of all even values in it; give zero if there are none.",
}


@pytest.fixture
def world(tmp_path: Path):
    """A home, own problems, a benchmark, recorded votes; and a way to materialize the stage with any settings."""
    for name in ("problems", "benchmarks", "votes"):
        (tmp_path / name).mkdir()
    rows = [json.dumps({"problem_id": name, "statement": text, "license": "CC0-1.0"}) for name, text in STATEMENTS.items()]
    (tmp_path / "problems" / "mine.jsonl").write_text("\n".join(rows) + "\n")
    item = {"task_id": "b/1", "question": STATEMENTS["copy"].upper()}
    (tmp_path / "benchmarks" / "bench.jsonl").write_text(json.dumps(item) + "\n")
    (tmp_path / "votes" / "votes.jsonl").write_text("")

    def vote(judge: str, order: str, answer: str) -> None:
        with (tmp_path / "votes" / "votes.jsonl").open("a") as file:
            file.write(json.dumps({"alias": f"judge|{judge}|local/train/near|bench/b/1|{order}", "content": answer}) + "\n")

    def materialize(models: str = "one,two", benchmarks: str = str(tmp_path / "benchmarks"), **config: Any) -> dict[str, Any]:
        resources = {
            "lake": LakeResource(home=str(tmp_path / "home")),
            "sources": SourcesResource(
                taco="",
                apps="",
                code_contests="",
                codeforces="",
                local=str(tmp_path / "problems"),
                benchmarks=benchmarks,
            ),
            "embedder": EmbedderResource(),
            "judges": JudgesResource(models=models, recordings=str(tmp_path / "votes")),
            "tokenizer": TokenizerResource(),
        }
        before = [*raw_problems.specs, *deduped_problems.specs]
        if not (tmp_path / "home").exists():  # the problems stay the same from then on
            assert dg.materialize([raw_problems], partition_key="local", resources=resources).success
            assert dg.materialize([deduped_problems, before[0]], resources=resources, selection=[deduped_problems]).success
        run_config = dg.RunConfig({"contamination_report": ContaminationConfig(**config)})
        stage = [contamination_report, clean_problems]
        done = dg.materialize([*stage, *before], resources=resources, selection=stage, run_config=run_config)
        assert done.success
        (event,) = done.asset_materializations_for_node("contamination_report")
        return {name: value.value for name, value in event.metadata.items()}

    def lake() -> Lake:
        return new_lake(tmp_path / "home" / "lake")

    return materialize, vote, lake, tmp_path


def decisions(lake: Lake) -> dict[str, tuple[str, str]]:
    query = "SELECT p.index, r.layer, r.decision FROM contamination_report r JOIN problems p USING (problem_id)"
    return {row["index"]: (row["layer"], row["decision"]) for row in lake.rows(query)}


@pytest.mark.long
def test_policies_and_thresholds_decide_again_from_what_is_stored(world) -> None:
    materialize, vote, lake, _ = world
    for order in ("problem_first", "benchmark_first"):
        vote("one", order, "Yes")
    shown = materialize()
    assert (shown["embedded now"], shown["judge requests"], shown["policy"]) == (4, 2, "any_judge")
    assert "### Benchmarks" in shown["report"] and "bench/b/1" in shown["report"] and "data:image/png" in shown["similarity"]
    with lake() as opened:
        assert decisions(opened) == {"copy": ("exact", "confirmed"), "near": ("embedding", "confirmed")}
        assert opened.rows("SELECT index, contamination FROM clean_problems JOIN problems USING (problem_id)") == [
            {"index": "other", "contamination": "clean"}
        ]
    for judges, near in (
        ({"policy": "both_judges"}, "undecided"),
        ({"policy": "human"}, "undecided"),
        ({"policy": "report_only"}, "reported"),
        ({"policy": "similarity"}, "confirmed"),
        ({"models": "two"}, "undecided"),
        ({"threshold": 0.99}, None),
        ({}, "confirmed"),
    ):
        shown = materialize(**judges)
        assert (shown["embedded now"], shown["judge requests"], shown["problems compared now"]) == (0, 0, 0)
        with lake() as opened:
            found = decisions(opened)
            assert (found.get("near") or (None, None))[1] == near
            label = {
                row["index"]: row["contamination"]
                for row in opened.rows("SELECT index, contamination FROM clean_problems JOIN problems USING (problem_id)")
            }
            assert label.get("near") == {None: "clean", "confirmed": None}.get(near, near)
    # The other judge answers later: only it is asked, and its votes are added.
    for order in ("problem_first", "benchmark_first"):
        vote("two", order, "no")
    assert materialize(policy="both_judges")["judge requests"] == 2
    with lake() as opened:
        assert decisions(opened)["near"] == ("embedding", "cleared")


@pytest.mark.long
def test_own_problems_beside_toy_benchmarks_only_are_warned_of(world, capfd: pytest.CaptureFixture[str]) -> None:
    materialize, *_ = world
    assert "warning" not in materialize()
    assert NO_PUBLIC_BENCHMARK not in capfd.readouterr().err
    assert materialize(benchmarks="bundled")["warning"] == NO_PUBLIC_BENCHMARK
    assert NO_PUBLIC_BENCHMARK in capfd.readouterr().err


def test_the_environment_sets_the_defaults_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_CONTAMINATION_POLICY", "human")
    monkeypatch.setenv("OCR_CONTAMINATION_THRESHOLD", "0.9")

    @environment_defaults
    class Config(DecontaminationSettings, dg.Config):
        """As the asset's configuration is made when the code is loaded."""

    assert (Config().policy, Config().threshold) == ("human", 0.9)
    assert Config(policy="any_judge").policy == "any_judge"
    monkeypatch.setenv("OCR_CONTAMINATION_THRESHOLD", "0.2")
    with pytest.raises(WrongSetting, match=r"OCR_CONTAMINATION_THRESHOLD='0.2': give a value greater than or equal to 0.5"):
        environment_defaults(Config)


@pytest.mark.slow
def test_a_person_decides_by_the_command_line(world, monkeypatch: pytest.MonkeyPatch) -> None:
    materialize, _, lake, folder = world
    materialize()
    with lake() as opened:
        assert decisions(opened)["near"] == ("embedding", "undecided")
    monkeypatch.setenv("OCR_HOME", str(folder / "home"))

    def review(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(cli.main, ["decontaminate", "review", *arguments])
        assert done.exit_code == code, done.output
        return done.output

    listed = review("--undecided")
    assert "You get a list of" in listed and "RETURN THE SUM" in listed and "local/train/near" in listed
    (pair,) = (json.loads(line)["pair_id"] for line in review("--undecided", "--json").splitlines())
    assert "name" in review(pair, "--clear", "--reason", "because", code=2)
    assert "begin with nothing" in review("nothing", "--clear", "--by", "Ada", "--reason", "because", code=2)
    assert "--confirm or --clear decides" in review("--clear", "--by", "Ada", "--reason", "because", code=2)
    review(pair[:12], "--clear", "--by", "Ada", "--reason", "asks for another list")
    shown = materialize()
    assert shown["judge requests"] == 0
    with lake() as opened:
        (row,) = opened.rows("FROM contamination_report WHERE pair_id = ?", [pair])
        assert (row["decision"], row["decided_by"], row["reason"]) == ("cleared", "Ada", "Ada: asks for another list")
    review(pair, "--confirm", "--by", "Bob", "--reason", "the same after all")
    materialize(policy="report_only")
    with lake() as opened:
        (row,) = opened.rows("FROM contamination_report WHERE pair_id = ?", [pair])
        assert (row["decision"], row["decided_by"]) == ("confirmed", "Bob")
    report = CliRunner().invoke(cli.main, ["decontaminate", "report"])
    assert report.exit_code == 0 and "| bench |" in report.output


@pytest.mark.slow
def test_files_are_compared_without_a_lake(world, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = world[3]
    monkeypatch.setenv("OCR_HOME", str(folder / "home"))
    problems, benchmark = str(folder / "problems" / "mine.jsonl"), str(folder / "benchmarks" / "bench.jsonl")
    for command in (["decontaminate"], ["decontaminate", "files"]):
        done = CliRunner().invoke(cli.main, [*command, problems, benchmark, "-o", str(folder / "out.jsonl")])
        assert done.exit_code == 0, done.output
        rows = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
        assert {(row["problem_id"], row["layer"]) for row in rows} == {("copy", "exact"), ("near", "embedding")}
