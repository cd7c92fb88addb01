"""Mixes and recipes as data, and which rows of a release a mix takes."""

from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ocr_assets.training.mixes.definition import TrainingMix, experiments, load_mixes, read_mix
from ocr_assets.training.recipes.definition import load_recipe
from ocr_assets.training.releases import find_release
from ocr_assets.training.selection import choose
from ocr_assets.training.trl_config import trl_config, written
from tests.support.training import release, rows


def mix(name: str = "mine", **fields: Any) -> TrainingMix:
    return TrainingMix(**{"name": name, "title": "Mine", "recipe": "small", "from": [{}], **fields})


def chosen(home: Path, wanted: TrainingMix, *others: TrainingMix) -> list[dict[str, Any]]:
    """Rows of a mix, ordered by position."""
    with duckdb.connect() as lake:
        count = lambda query: lake.sql(f"SELECT count(*) FROM ({query})").fetchall()[0][0]  # noqa: E731
        found = choose(wanted, {other.name: other for other in others}, home / "releases", count)
        assert found.query is not None
        return lake.sql(f"SELECT * FROM ({found.query}) ORDER BY position").to_arrow_table().to_pylist()


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [row["released_id"] for row in found]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    release(tmp_path, rows(60))
    return tmp_path


def test_rows_of_validation_are_not_trained_on(tmp_path: Path) -> None:
    found = rows(60)
    release(tmp_path, found, split="validation")
    assert set(ids(chosen(tmp_path, mix()))) == {row["id"] for row in found[:30]}


def test_the_papers_experiments_are_sets_of_bundled_mixes() -> None:
    mixes = load_mixes()
    found = experiments(mixes)
    assert set(found["ocr_scale"]) == {"ocr_scale_25k", "ocr_scale_100k", "ocr_scale_736k"}
    assert len(found["ocr2_scale"]) == 7 and {"ocr_cpp", "ocr_hard", "ocr_filter", "kodcode"} <= set(found)
    assert all(len(members) > 1 for members in found.values()), "one mix alone is compared with nothing"
    assert [mixes[name].asked_rows for name in ("ocr_scale_25k", "ocr_scale_100k", "ocr2_scale_1400k")] == [
        25_000,
        100_000,
        1_400_000,
    ]


def test_recipes_are_those_of_the_papers() -> None:
    ocr, second, kodcode = load_recipe("ocr"), load_recipe("ocr2"), load_recipe("kodcode")
    assert (ocr.epochs, ocr.learning_rate, ocr.scheduler, ocr.warmup, ocr.batch, ocr.max_length) == (
        3,
        5e-5,
        "cosine",
        0.1,
        256,
        32_768,
    )
    assert (second.epochs, second.warmup) == (1, 0.05)
    assert (kodcode.learning_rate, kodcode.warmup, kodcode.batch, kodcode.max_length) == (1e-5, 100, 128, 16_384)


def test_a_mix_is_ten_lines_and_may_change_single_values_of_its_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'title = "Mine"\nrecipe = "ocr"\nseed = 7\n[change]\nepochs = 2\ntrl.optim = "adafactor"\n[[from]]\nlanguages = ["python"]\nrows = 10\n'
    )
    found = load_mixes(tmp_path)["mine"]
    assert (
        found.parts[0].rows == 10
        and found.recipe_of(tmp_path).epochs == 2
        and found.recipe_of(tmp_path).trl == {"optim": "adafactor"}
    )
    assert len(load_mixes(tmp_path)) == len(load_mixes()) + 1
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "ocr.toml").write_text('title = "Our own"\nepochs = 5\n')
    assert read_mix(tmp_path / "mine.toml").recipe_of(tmp_path).title == "Our own"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('title = "x"', "from: Field required"),
        ('title = "x"\n[[from]]\nverdict = ["accepted"]', "from.0.verdict: Extra inputs"),
        ('title = "x"\n[[from]]\nverdicts = ["right"]', "from.0.verdicts"),
        ('title = "x"\nrecipe = "best"\n[[from]]', "recipe best: no .*presets are kodcode, ocr, ocr2, small"),
        ('title = "x"\n[change]\nbatch = 0\n[[from]]', "batch: Input should be greater"),
        ('title = "x"\n[change.trl]\nhub_token = "hf_x"\n[[from]]', "hub_token follow"),
        ('title = "x"\n[change.trl]\nmax_length = 10\n[[from]]', "max_length follow"),
        ('title = "x"\nas_many_as = ["nothing"]\n[[from]]', "no mix nothing"),
        ('name = "y"\ntitle = "x"\n[[from]]', "the file itself says that"),
        ("title =", "wrong.toml"),
    ],
)
def test_a_wrong_definition_is_named_with_its_file(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "wrong.toml").write_text(text)
    with pytest.raises(ValueError, match=complaint) as error:
        load_mixes(tmp_path)
    assert str(tmp_path / "wrong.toml") in str(error.value) and "\n" not in str(error.value)


def test_smaller_subsets_lie_in_larger_ones(home: Path) -> None:
    first = {"datasets": ["taco"], "rows": 10}
    ten, thirty = chosen(home, mix(**{"from": [first]})), chosen(home, mix("more", **{"from": [first, {"rows": 20}]}))
    everything = chosen(home, mix("all_of_it", **{"from": [first, {"rows": 20}, {}]}))
    assert set(ids(ten)) < set(ids(thirty)) < set(ids(everything)) and [len(ten), len(thirty), len(everything)] == [10, 30, 60]
    assert Counter(row["part"] for row in everything) == {0: 10, 1: 20, 2: 30}, "a row that an earlier part took is taken once"
    assert ids(chosen(home, mix())) == ids(chosen(home, mix("other"))), "the seed alone decides the order"
    assert ids(chosen(home, mix(seed=1))) != ids(chosen(home, mix()))
    assert [row["position"] for row in everything] == list(range(60))


def test_filters_of_equal_size(home: Path) -> None:
    accepted = mix("passing", as_many_as=["failing"], **{"from": [{"verdicts": ["accepted"]}]})
    failing = mix("failing", as_many_as=["passing"], **{"from": [{"without_verdicts": ["accepted"], "rows": 12}]})
    passing_rows, failing_rows = chosen(home, accepted, accepted, failing), chosen(home, failing, accepted, failing)
    assert len(passing_rows) == len(failing_rows) == 12
    assert {row["verdict"] for row in passing_rows} == {"accepted"} and {row["verdict"] for row in failing_rows} == {
        "wrong_answer"
    }


def test_conditions_on_rows(tmp_path: Path) -> None:
    found = rows(12)
    found[0] |= {"parse_status": "truncated"}
    found[1] |= {"verdict": None}
    for number, difficulty in enumerate(("2100", "5", "800", "VERY_HARD", "interview", "introductory", "", None)):
        found[number + 2] |= {"difficulty": difficulty}
    release(tmp_path, found)
    everything = ids(chosen(tmp_path, mix(**{"from": [{"parsed": False}]})))
    assert set(everything) - set(ids(chosen(tmp_path, mix()))) == {"sft_0000"}, "an answer that was cut off teaches never to end"
    assert ids(chosen(tmp_path, mix(**{"from": [{"verdicts": ["none"]}]}))) == ["sft_0001"]
    hard = chosen(tmp_path, mix(**{"from": [{"levels": ["hard"]}]}))
    assert {row["difficulty"] for row in hard} == {"HARD", "2100", "5", "VERY_HARD"}
    others = chosen(tmp_path, mix(**{"from": [{"levels": ["easy", "medium"]}]}))
    assert {row["difficulty"] for row in others} == {"EASY", "800", "interview", "introductory"}
    trusted = ids(chosen(tmp_path, mix(**{"from": [{"trusted": True}]})))
    assert set(trusted) == {row["id"] for row in found if row["trusted"] and row["parse_status"] == "ok"}
    assert chosen(tmp_path, mix(**{"from": [{"languages": ["cpp"]}]})) == []


def test_answers_of_a_problem(home: Path) -> None:
    one = chosen(home, mix(**{"from": [{"per_problem": 1}]}))
    assert len(one) == len({row["problem_id"] for row in one}) == 20
    both = chosen(home, mix(**{"from": [{"verdicts": ["accepted"], "least_answers": 2}]}))
    counts = Counter(row["problem_id"] for row in both)
    assert both and set(counts.values()) == {2}, "of three answers one or two pass; problems with one are left out"


def test_a_weight_is_copies_and_a_drawn_rest(home: Path) -> None:
    doubled = chosen(home, mix(**{"from": [{"weight": 2.0}]}))
    assert set(Counter(ids(doubled)).values()) == {2} and len({row["example_id"] for row in doubled}) == 120
    broken = Counter(Counter(ids(chosen(home, mix(**{"from": [{"weight": 1.5}]})))).values())
    assert set(broken) == {1, 2} and 15 <= broken[2] <= 45
    halved = ids(chosen(home, mix(**{"from": [{"weight": 0.5}]})))
    assert 15 <= len(halved) == len(set(halved)) <= 45


def test_what_a_mix_was_made_from_tells_whether_it_must_be_made_again(home: Path) -> None:
    def inputs(wanted: TrainingMix) -> str:
        return choose(wanted, {}, home / "releases", lambda query: 0).inputs

    before = inputs(mix())
    assert inputs(mix(title="Called otherwise", experiments=["mine"])) == before
    assert inputs(mix(seed=2)) != before
    release(home, rows(61), "v2")
    assert inputs(mix()) != before


def test_nothing_is_released_yet(tmp_path: Path) -> None:
    found = choose(mix(), {}, tmp_path / "releases", lambda query: 0)
    assert found.query is None and found.missing == ("sft_dataset",)


def test_published_files_are_read_by_their_columns(tmp_path: Path) -> None:
    (tmp_path / "published").mkdir()
    answers = [
        {"id": "a", "input": "Add.", "output": "<think></think>", "difficulty": "EASY", "solution": "x"},
        {"id": "b", "input": "-", "output": "<think></think>", "difficulty": None, "solution": "x"},
    ]
    pq.write_table(pa.Table.from_pylist(answers), tmp_path / "published" / "split_0.parquet")
    wanted = mix(base=tmp_path, **{"from": [{"release": "published"}]})
    assert [(row["released_id"], row["language"], row["verdict"]) for row in chosen(tmp_path, wanted)] == [("a", "python", None)]
    with pytest.raises(ValueError, match=r"mix mine: release nowhere: give .* or a folder"):
        chosen(tmp_path, mix(base=tmp_path, **{"from": [{"release": "nowhere"}]}))
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "published" / "split_0.parquet")
    with pytest.raises(ValueError, match="neither id, input, output"):
        find_release("published", tmp_path, tmp_path)


def test_conversations_are_read_by_their_columns(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "Add."}, {"from": "gpt", "value": "<think></think>done"}]
    fields = {
        "question_id": "Leetcode_1_I",
        "r1_correctness": "True",
        "r1_solution": "x",
        "gpt_difficulty": "hard",
        "style": "instruct",
    }
    pq.write_table(pa.Table.from_pylist([{**fields, "conversations": turns}]), tmp_path / "a.parquet")
    wanted = mix(**{"from": [{"release": str(tmp_path), "verdicts": ["accepted"], "levels": ["hard"], "styles": ["instruct"]}]})
    assert ids(chosen(tmp_path, wanted)) == ["Leetcode_1_I"]
    found = find_release(str(tmp_path), tmp_path)
    assert found is not None
    with duckdb.connect() as lake:
        assert lake.sql(f"SELECT question, answer FROM ({found.texts(found.files)})").fetchall() == [
            ("Add.", "<think></think>done")
        ]


def config(**change: Any) -> dict[str, Any]:
    recipe = load_recipe("ocr").changed(change)
    paths = {"packed": Path("/p"), "output": Path("/o")}
    return trl_config(recipe, model="m", revision=None, seed=3, devices=8, end_of_turn="<|im_end|>", **paths)


def test_what_decides_a_training_is_set_on_purpose() -> None:
    found = config()
    assert found["bf16"] is True and found["gradient_checkpointing"] is True, "TRL's defaults too, today"
    assert (found["per_device_train_batch_size"], found["gradient_accumulation_steps"]) == (1, 32)
    assert found["max_length"] is None and found["packing"] is False, "nothing is packed again, nothing cut"
    assert found["padding_free"] is True and found["dataset_kwargs"] == {"skip_prepare_dataset": True}
    assert found["eos_token"] == "<|im_end|>" and found["seed"] == found["data_seed"] == 3
    off = config(bf16=False, gradient_checkpointing=False)
    assert off["bf16"] is False and off["gradient_checkpointing"] is False, "what is off must be said: it is not TRL's default"
    with pytest.raises(ValueError, match="cannot be shared by OCR_TRAIN_DEVICES=8"):
        config(batch=12)


def test_the_rate_stays_a_number_in_yaml() -> None:
    """5e-05 is a text to YAML 1.1."""
    import yaml

    assert yaml.safe_load(written(config(), "x"))["learning_rate"] == 5e-5
