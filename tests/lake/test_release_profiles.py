"""The profiles of releases: each has its columns and accounts for every row it could have held; filters and splits are policies."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ocr_assets.exports import facts, splits
from ocr_assets.exports.assets import release_asset
from ocr_assets.exports.problems import PROBLEM_JSON
from ocr_assets.exports.profiles import PROFILES
from ocr_assets.exports.selection import RESPONSE_ORIGIN, labelled, texts
from ocr_assets.exports.settings import ChatSettings, PreferenceSettings, ReleaseSettings, RewardSettings
from ocr_assets.platform.lake import project_lake
from ocr_assets.platform.releases import PROFILES as NAMES
from ocr_assets.programs.published import call_test, code_test, stdin_test
from ocr_assets.programs.suites import NO_LIMITS, suite_from_json, suite_row
from ocr_assets.schema import CRITIC_ANSWERS, CRITIQUES, TEST_SUITES
from resources.lake import RunInfo
from resources.models.reasoning import separate_reasoning
from resources.settings import LakeResource
from tests.support.lakes import unpack_old_lake
from tests.support.rows import row_of

pytestmark = pytest.mark.slow

NEW = [name for name in PROFILES if not name.startswith("kodcode") and name != "ocr"]
OF_PROBLEMS = {"grpo", "verl", "open_r1", "livecodebench", "verify"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a release of each new profile, under the profile's name with _release behind."""
    home = tmp_path_factory.mktemp("profiles")
    unpack_old_lake(home / "lake")
    with project_lake(home / "lake"):
        pass
    for name in NEW:
        assert release(home, name).success
    return home


def release(home: Path, profile: str, name: str = "", **config: Any) -> dg.ExecuteInProcessResult:
    asset = release_asset(f"{profile}_release", PROFILES[profile])
    given = {**config, **({"release_as": name} if name else {})}
    return dg.materialize(
        [asset],
        resources={"lake": LakeResource(home=str(home))},
        run_config={"ops": {f"{profile}_release": {"config": given}}},
        raise_on_error=False,
    )


def rows(home: Path, name: str, split: str = "*") -> list[dict[str, Any]]:
    files = sorted((home / "releases" / name / "current" / "data").glob(f"{split}-[0-9]*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def test_every_profile_can_be_named_in_a_project_file() -> None:
    assert set(NAMES) == set(PROFILES)


@pytest.mark.parametrize("profile", NEW)
def test_a_profile_has_its_columns_and_says_of_every_row_what_became_of_it(home: Path, profile: str) -> None:
    released = rows(home, f"{profile}_release")
    assert released and list(released[0]) == [column.name for column in PROFILES[profile].table.columns]
    stage = f"{profile}_release"
    with project_lake(home / "lake") as lake:
        counts = lake.rows("SELECT outcome, reason, rows FROM funnel WHERE stage = ?", [stage])
        source = "clean_problems" if profile in OF_PROBLEMS else "verified_triplets"
        fates = lake.rows(
            "SELECT parent, count(DISTINCT relation) AS fates FROM record_edge WHERE stage = ? GROUP BY ALL", [stage]
        )
        assert len(fates) == lake.scalar(f"SELECT count(*) FROM {source}") and {row["fates"] for row in fates} == {1}
    came = sum(row["rows"] for row in counts if row["outcome"] == "in")
    assert came == sum(row["rows"] for row in counts if row["outcome"] != "in") == len(fates)
    assert all(row["reason"].startswith("filter: ") for row in counts if row["outcome"] == "dropped")
    per_row = 2 if profile == "preference" else 1
    assert sum(row["rows"] for row in counts if row["outcome"] == "released") == per_row * len(released)


def test_what_nothing_changed_of_is_no_new_version(home: Path) -> None:
    (shown,) = release(home, "verl").asset_materializations_for_node("verl_release")
    assert shown.metadata["released now"].value is False


def suites(home: Path) -> dict[str, str]:
    with project_lake(home / "lake") as lake:
        return {row["problem_id"]: row["suite_id"] for row in lake.rows("SELECT problem_id, suite_id FROM problems")}


def test_problems_leave_with_everything_that_a_verdict_depends_on(home: Path) -> None:
    known = suites(home)
    released: dict[str, list[dict[str, Any]]] = {
        "verify": rows(home, "verify_release"),
        "grpo": [{**row, **json.loads(row["problem"])} for row in rows(home, "grpo_release")],
        "verl": [{**row, **json.loads(row["reward_model"]["ground_truth"])} for row in rows(home, "verl_release")],
    }
    for name, problems in released.items():
        for row in problems:
            assert suite_row(suite_from_json(row))["suite_id"] == known[row["problem_id"]], name
    assert {row["checker"] is None for row in released["verify"]} == {True, False}


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
TESTS = st.one_of(
    st.builds(lambda a, b, p: stdin_test(0, a, b, "official", p), TEXTS, TEXTS, st.booleans()),
    st.builds(lambda a, b: call_test(0, "Solution.f", a, b, "private", False), st.lists(VALUES, max_size=3), VALUES),
    st.builds(lambda code: code_test(0, "pytest", code, "private"), TEXTS),
)
CHECKERS = st.none() | st.builds(lambda code: {"language": "cpp", "source": code, "protocol": "testlib"}, TEXTS)


@pytest.mark.long
@given(st.lists(TESTS, min_size=1, max_size=4), CHECKERS, st.none() | st.floats(0.1, 100), st.none() | st.floats(0.5, 10))
def test_a_problem_as_one_text_is_the_suite_that_it_was(
    tests: list[Any], checker: Any, cpu_s: float | None, factor: float | None
) -> None:
    suite: dict[str, Any] = {
        "tests": [{**test, "id": str(number)} for number, test in enumerate(tests)], "compare": None, "checker": checker,
        "interactor": None, "limits": {**NO_LIMITS, "cpu_s": cpu_s, "python_factor": factor}, "files": None,
    }  # fmt: skip
    stored = suite_row(suite)
    connection = duckdb.connect()
    connection.register("test_suites", pa.Table.from_batches([TEST_SUITES.batch([stored])]))
    query = f"SELECT {PROBLEM_JSON} FROM test_suites s, (SELECT 'prob_1' AS problem_id) t"
    ((written,),) = connection.execute(query).fetchall()
    assert suite_row(suite_from_json(json.loads(written)))["suite_id"] == stored["suite_id"]


def test_pairs_are_of_one_problem_and_alike_in_length_and_no_answer_stands_in_two(home: Path) -> None:
    pairs = rows(home, "preference_release")
    with project_lake(home / "lake") as lake:
        verdicts = {
            row["response_id"]: row
            for row in lake.rows("SELECT response_id, problem_id, language, verdict FROM verified_triplets")
        }
    for pair in pairs:
        chosen, rejected = verdicts[pair["chosen_response_id"]], verdicts[pair["rejected_response_id"]]
        assert chosen["verdict"] == "accepted" and rejected["verdict"] == pair["failure"] != "accepted"
        assert (chosen["problem_id"], chosen["language"]) == (rejected["problem_id"], rejected["language"])
        tokens = sorted((pair["chosen_tokens"], pair["rejected_tokens"]))
        assert tokens[1] <= 1.5 * tokens[0]
        assert pair["chosen"] != pair["rejected"] and pair["prompt"][-1]["role"] == "user"
    answers = Counter(pair[f"{side}_response_id"] for pair in pairs for side in ("chosen", "rejected"))
    assert set(answers.values()) == {1}
    assert max(Counter((pair["problem_id"], pair["language"]) for pair in pairs).values()) <= 4


def pairs_of(sides: list[tuple[str, int]], **settings: Any) -> set[tuple[str, str]]:
    """Pairs (chosen, rejected) among triplets of one problem: verdict and tokens of each."""
    lake = duckdb.connect()
    lake.execute("CREATE TABLE token_counts (triplet_id TEXT, response_tokens BIGINT, reasoning_tokens BIGINT)")
    lake.execute("CREATE TABLE clean_problems AS SELECT 'p' AS problem_id, 'clean' AS contamination")
    lake.execute(
        "CREATE TABLE verified_triplets (triplet_id TEXT, solution_id TEXT, problem_id TEXT, language TEXT, verdict TEXT, trusted BOOL)"
    )
    for number, (verdict, tokens) in enumerate(sides):
        lake.execute("INSERT INTO token_counts VALUES (?, ?, 0)", [f"t{number}", tokens])
        lake.execute("INSERT INTO verified_triplets VALUES (?, 's', 'p', 'python', ?, true)", [f"t{number}", verdict])
    from ocr_assets.exports.preference import pairs

    return {
        (row[1], row[2])
        for row in lake.sql(f"SELECT problem_id, chosen, rejected FROM ({pairs(PreferenceSettings(**settings))})").fetchall()
    }


@pytest.mark.long
@given(
    st.lists(st.tuples(st.sampled_from(["accepted", "wrong_answer", "suspect", "sandbox_error"]), st.integers(0, 40)), max_size=7)
)
def test_there_is_a_pair_wherever_there_can_be_one(sides: list[tuple[str, int]]) -> None:
    found = pairs_of(sides, per_problem=100)
    members = [name for pair in found for name in pair]
    assert len(members) == len(set(members))
    lengths = {f"t{number}": (verdict, max(tokens, 1)) for number, (verdict, tokens) in enumerate(sides)}
    possible = {
        (a, b) for a, (left, m) in lengths.items() for b, (right, n) in lengths.items()
        if left == "accepted" and right == "wrong_answer" and max(m, n) <= 1.5 * min(m, n)
    }  # fmt: skip
    assert found <= possible and bool(found) == bool(possible)
    assert len(pairs_of(sides, per_problem=1)) == min(1, len(possible))


@pytest.mark.long
def test_reasoning_is_kept_apart_or_left_out(home: Path) -> None:
    assert release(home, "messages", "apart", reasoning="split").success
    assert release(home, "messages", "short", reasoning="left_out", prompt="question").success
    kept = {row["response_id"]: row for row in rows(home, "messages_release")}
    apart = {row["response_id"]: row for row in rows(home, "apart")}
    short = {row["response_id"]: row for row in rows(home, "short")}
    assert apart and apart.keys() == short.keys() < kept.keys(), "one that never ended has no answer by itself"
    for response, row in apart.items():
        whole, turn = separate_reasoning(kept[response]["messages"][-1]["content"], None), row["messages"][-1]
        assert turn["content"] == (whole.answer or "").strip() == short[response]["messages"][-1]["content"]
        assert (turn["reasoning_content"] or "") == (whole.reasoning or "")
        assert short[response]["messages"][-1]["reasoning_content"] is None
        assert short[response]["messages"][0]["content"].strip() in row["messages"][0]["content"]


def test_the_same_answers_in_all_forms_of_chat(home: Path) -> None:
    chats = {row["response_id"]: [turn["content"] for turn in row["messages"]] for row in rows(home, "messages_release")}
    split = {
        row["response_id"]: [turn["content"] for turn in (*row["prompt"], *row["completion"])]
        for row in rows(home, "prompt_completion_release")
    }
    shared = {row["response_id"]: [turn["value"] for turn in row["conversations"]] for row in rows(home, "sharegpt_release")}
    assert chats == split == shared and {
        turn["from"] for row in rows(home, "sharegpt_release") for turn in row["conversations"]
    } == {"human", "gpt"}


@pytest.mark.long
def test_verls_own_comparison_is_given_only_what_it_is_right_for(home: Path) -> None:
    assert release(home, "verl", "plain", ground_truth="inputs_outputs").success
    known = {row["id"]: row for row in rows(home, "verl_release")}
    plain = rows(home, "plain")
    assert plain and len(plain) < len(known)
    for row in plain:
        tests = json.loads(known[row["id"]]["reward_model"]["ground_truth"])["tests"]
        truth = json.loads(row["reward_model"]["ground_truth"])
        assert truth["inputs"] == [test["input"] for test in tests] and truth["outputs"] == [test["output"] for test in tests]
        assert row["data_source"] in ("taco", "apps", "codecontests", "codeforces", "local")


@pytest.mark.long
def test_a_critique_stands_beside_the_answer_that_it_is_about(home: Path) -> None:
    """Answers without one have null there: nobody is left out for it."""
    with project_lake(home / "lake") as lake:
        said = lake.rows("SELECT solution_id, response_id, triplet_id FROM verified_triplets ORDER BY triplet_id LIMIT 2")
        for table, own in ((CRITIC_ANSWERS, {"content": "hm</think> <judgement>right</judgement>", "judgement": "right"}),
                           (CRITIQUES, {"judgement": "right", "critic": "qwq"})):  # fmt: skip
            with lake.write(RunInfo("test"), "critiques") as write:
                named = [{"critique_id": f"crit_{n}", "solution_id": one["solution_id"]} for n, one in enumerate(said)]
                write.sync(table, [row_of(table, **own, **one, selected=n == 0) if table is CRITIQUES else row_of(table, **own, **one)
                                   for n, one in enumerate(named)])  # fmt: skip
    assert release(home, "ocr2", "criticised").success
    found = rows(home, "criticised")
    assert len(found) == len(rows(home, "ocr2_release")) > 2
    told = [row for row in found if row["qwq_critique"] is not None]
    assert len(told) == 2 and sorted(row["selected"] for row in told) == [False, True]
    assert {(row["qwq_critique"], row["judgement"], row["critic"]) for row in told} == {
        ("<think>\nhm</think> <judgement>right</judgement>", "right", "qwq")
    }


@pytest.mark.long
def test_a_dash_in_place_of_the_question_and_where_it_is_found(home: Path) -> None:
    assert release(home, "ocr2", "dashed", questions="index").success
    dashed = rows(home, "dashed")
    assert {row["question"] for row in dashed} == {"-"}
    with project_lake(home / "lake") as lake:
        places = {row["problem_id"]: row for row in lake.rows("SELECT problem_id, dataset, split, index FROM problems")}
    assert all((row["dataset"], row["split"], row["index"]) == tuple(places[row["question_id"]].values())[1:] for row in dashed)


@pytest.mark.long
def test_filters_leave_out_what_they_say(home: Path) -> None:
    wanted = {"licenses": ["MIT"], "max_response_tokens": 400, "min_tests": 3, "max_solve_rate": 0.9, "keep": "rejected"}
    assert release(home, "messages", "filtered", **wanted).success
    found = rows(home, "filtered")
    assert found and {row["license"] for row in found} == {"MIT"} and max(row["response_tokens"] for row in found) <= 400
    assert not {row["verdict"] for row in found} & {"accepted", "suspect", None, "sandbox_error"}
    with project_lake(home / "lake") as lake:
        reasons = {
            row["reason"].partition(" MIT")[0]
            for row in lake.rows("SELECT DISTINCT reason FROM record_edge WHERE stage = 'filtered' AND relation = 'dropped'")
        }
        rates = {row["problem_id"]: row["rate"] for row in lake.rows(
            "SELECT problem_id, avg((verdict = 'accepted')::INT) AS rate FROM verified_triplets WHERE verdict NOT IN ('ungradable', 'suspect', 'sandbox_error') GROUP BY ALL")}  # fmt: skip
    assert all(rates[row["problem_id"]] <= 0.9 for row in found)
    assert "filter: not rejected" in reasons
    assert any(reason.startswith("filter: licence ") for reason in reasons)
    card = (home / "releases" / "filtered" / "current" / "README.md").read_text()
    assert all(f"| `{name}` | `{json.dumps(value)}` | " in card for name, value in wanted.items())


def test_where_filters_leave_nothing_the_run_says_so(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert release(home, "messages", "nothing", licenses=["of nobody"]).success
    assert not rows(home, "nothing") and "nothing: no row is left" in capfd.readouterr().err


@pytest.mark.long
def test_rows_for_verl_do_not_say_that_they_are_for_training(home: Path) -> None:
    assert release(home, "verl", "halved", validation=0.5).success
    held_out = rows(home, "halved", "validation")
    assert held_out and all("split" not in row["extra_info"] for row in held_out)


def test_none_of_no_texts_is_every_text() -> None:
    with duckdb.connect() as connection:
        assert connection.execute(f"SELECT 'MIT' IN {texts([])}, 'MIT' NOT IN {texts([])}").fetchall() == [(False, True)]


def test_a_licence_is_a_text_whatever_it_holds() -> None:
    query = release_of("messages", ChatSettings(licenses=["it's", 'x") OR (1=1']))
    with duckdb.connect() as connection:
        assert connection.execute("SELECT json_serialize_sql(?)", [query]).fetchall()[0][0].startswith('{"error":false')


def release_of(profile: str, settings: Any) -> str:
    return str(PROFILES[profile].make(settings, PROFILES[profile].table).rows)


def test_bands_that_hold_nothing_are_refused() -> None:
    for wrong in (
        {"min_solve_rate": 0.8, "max_solve_rate": 0.2},
        {"min_pass_rate": 0.5, "max_pass_rate": 0.4},
        {"validation": 1.0},
        {"licenses": []},
    ):
        with pytest.raises(ValidationError):
            ReleaseSettings(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        RewardSettings(language="rust")  # type: ignore[arg-type]


@pytest.mark.long
def test_training_and_validation_share_no_problem(home: Path) -> None:
    assert release(home, "messages", "halves", validation=0.4).success
    assert release(home, "ocr2", "languages", validation=0.4).success
    training, validation = rows(home, "halves", "train"), rows(home, "halves", "validation")
    assert training and validation and len(training) + len(validation) == len(rows(home, "messages_release"))
    assert not {row["problem_id"] for row in training} & {row["problem_id"] for row in validation}
    named = {
        split: {row["question_id"] for row in rows(home, "languages", split)}
        for split in ("python", "python_validation", "cpp_validation")
    }
    assert named["python_validation"] | named["cpp_validation"] == {row["problem_id"] for row in validation}, (
        "drawn alike in every release"
    )
    assert not named["python"] & named["cpp_validation"]


@pytest.mark.long
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=15), st.floats(0.05, 0.95))
def test_however_long_a_chain_of_near_duplicates_is_it_is_on_one_side(pairs: list[tuple[int, int]], share: float) -> None:
    connection = duckdb.connect()
    table = splits.table_of("mine")
    listed = " UNION ALL ".join(["SELECT '' AS a, '' AS b WHERE false", *(f"SELECT 'p{a}', 'p{b}'" for a, b in pairs)])
    splits.make_groups(connection, table, listed)
    query = f"SELECT q.problem_id, {splits.split_sql(None, 'problem_id', share, table)} FROM (SELECT 'p' || range AS problem_id FROM range(21)) q"
    side = dict(connection.execute(query).fetchall())
    assert set(side.values()) <= {"train", "validation"} and len(side) == 21
    assert all(side[f"p{a}"] == side[f"p{b}"] for a, b in pairs)


def test_a_licence_list_is_asked_of_answers_that_others_published_too() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE clean_problems (problem_id TEXT, contamination TEXT)")
        connection.execute("""CREATE TABLE verified_triplets AS SELECT * FROM (VALUES
            ('ours', 'MIT', NULL, NULL), ('theirs', 'MIT', 'CC-BY-4.0', 'a#1'), ('unclear', 'MIT', 'unknown', 'a#2'),
            ('unsaid', 'MIT', NULL, 'a#3'), ('closed', 'unknown', 'MIT', 'a#4'))
            t (triplet_id, license, response_license, response_origin), (SELECT 'p' AS problem_id, 'python' AS language)""")
        query = labelled(ReleaseSettings(licenses=["MIT", "CC-BY-4.0"]))
        dropped = dict(connection.execute(f"SELECT triplet_id, dropped FROM ({query})").fetchall())
    assert dropped == {
        "ours": None, "theirs": None, "unclear": "filter: licence of the answer unknown",
        "unsaid": "filter: licence of the answer not known", "closed": "filter: licence unknown",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("origin", "released"),
    [
        (None, None),
        ("a/b@hub:a/b@main: data/x.parquet#7", "a/b@hub:a/b@main: data/x.parquet#7"),
        ("a/b@bundled: x.jsonl#7", "a/b@bundled: x.jsonl#7"),
        ("a/b@/home/ada/secret @hub:: x.jsonl#7", "a/b: x.jsonl#7"),
        ("mine@answers/of: June: x.jsonl#7", "mine: x.jsonl#7"),
    ],
)
def test_folders_of_this_machine_are_not_released_and_the_card_counts_by_dataset(
    origin: str | None, released: str | None
) -> None:
    with duckdb.connect() as connection:
        rows = f"SELECT {RESPONSE_ORIGIN} FROM (SELECT ?::VARCHAR AS response_origin) t"
        assert connection.execute(rows, [origin]).fetchall() == [(released,)]
        dataset = None if origin is None else origin.partition("@")[0]
        assert connection.execute(f"SELECT {facts._DATASET} FROM ({rows})", [origin]).fetchall() == [(dataset,)]


def test_problems_that_no_cpp_program_can_be_judged_by_are_not_asked_for_in_cpp() -> None:
    query = release_of("grpo", RewardSettings(language="cpp"))
    assert "tests that no C++ program can be judged by" in query and "tests that no" not in release_of("grpo", RewardSettings())
