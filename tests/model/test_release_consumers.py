"""Those who read releases read ours as they are: datasets, TRL's trainers, and LiveCodeBench's reader."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocr_assets.evaluation.benchmarks.api import Selection
from ocr_assets.evaluation.benchmarks.livecodebench import read
from ocr_assets.platform.lake import project_lake
from resources.lake import Lake
from tests.support.lakes import unpack_old_lake
from tests.support.releases import write_profile
from tests.support.tiny_model import make

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with project_lake(unpack_old_lake(tmp_path_factory.mktemp("consumed") / "lake")) as lake:
        yield lake


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("model"), opens_think=False, hidden=64, layers=1)


def load(folder: Path, **options: Any) -> Any:
    from datasets import load_dataset

    return load_dataset(str(folder), split="train", **options)


@pytest.mark.long
@pytest.mark.parametrize("profile", ["ocr", "ocr2", "sharegpt", "verl", "open_r1", "verify", "livecodebench"])
def test_datasets_reads_the_folder_whole_and_streamed(lake: Lake, tmp_path: Path, profile: str) -> None:
    folder = write_profile(lake, profile, tmp_path / profile)
    rows = load(folder, cache_dir=str(tmp_path / "cache"))
    assert len(rows) > 20 and next(iter(load(folder, streaming=True))) == rows[0]


def settings_of(folder: Path) -> dict[str, Any]:
    return {
        "output_dir": str(folder), "max_steps": 1, "per_device_train_batch_size": 2, "use_cpu": True, "report_to": [], "bf16": False,
        "save_strategy": "no", "logging_steps": 1, "disable_tqdm": True, "seed": 0, "max_length": 2000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "settings"), [("messages", {}), ("messages", {"reasoning": "split"}), ("prompt_completion", {"keep": "accepted"})]
)
def test_trl_takes_a_step_of_supervised_training(
    lake: Lake, model: Path, tmp_path: Path, profile: str, settings: dict[str, Any]
) -> None:
    from trl import SFTConfig, SFTTrainer

    rows = load(write_profile(lake, profile, tmp_path / profile, **settings), cache_dir=str(tmp_path / "cache"))
    rows = rows.sort("response_tokens").select(range(4))
    trainer = SFTTrainer(model=str(model), args=SFTConfig(**settings_of(tmp_path / "out")), train_dataset=rows)
    trainer.train()
    example = trainer.train_dataset[0]
    text = trainer.processing_class.decode(example["input_ids"])
    asked, answer = (
        (rows[0]["messages"][0], rows[0]["messages"][-1])
        if profile == "messages"
        else (rows[0]["prompt"][0], rows[0]["completion"][0])
    )
    assert asked["content"].strip()[:200] in text and answer["content"].strip()[:40] in text
    assert math.isfinite(trainer.state.log_history[0]["loss"])


def test_trl_takes_a_step_of_preference_training(lake: Lake, model: Path, tmp_path: Path) -> None:
    from trl import DPOConfig, DPOTrainer

    rows = load(write_profile(lake, "preference", tmp_path / "pairs"), cache_dir=str(tmp_path / "cache"))
    rows = rows.sort("chosen_tokens").select(range(4))
    trainer = DPOTrainer(model=str(model), args=DPOConfig(**settings_of(tmp_path / "out")), train_dataset=rows)
    trainer.train()
    assert math.isfinite(trainer.state.log_history[0]["loss"])


def test_verl_finds_its_columns(lake: Lake, tmp_path: Path) -> None:
    """What verl's RLHFDataset and its rewards read of a row (docs of verl, "Prepare Data for Post-Training")."""
    rows = load(write_profile(lake, "verl", tmp_path / "verl"), cache_dir=str(tmp_path / "cache"))
    for row in rows:
        assert isinstance(row["data_source"], str) and row["ability"] == "code"
        assert [set(turn) for turn in row["prompt"]] == [{"role", "content"}] and row["prompt"][0]["role"] == "user"
        assert row["reward_model"]["style"] == "rule" and json.loads(row["reward_model"]["ground_truth"])["tests"]
        assert row["extra_info"]["index"] == row["id"] and row["extra_info"]["language"] == "python"


def test_livecodebenchs_reader_finds_the_suite_of_each_problem(lake: Lake, tmp_path: Path) -> None:
    folder = write_profile(lake, "livecodebench", tmp_path / "problems")
    suites = {
        row["problem_id"]: row
        for row in lake.rows("SELECT problem_id, entry_point, tests FROM problems JOIN test_suites USING (suite_id)")
    }
    found = list(read(sorted(folder.glob("data/*.parquet")), Selection()))
    assert len(found) == len(load(folder, cache_dir=str(tmp_path / "cache"))) > 20
    for problem in found:
        known = suites[problem.task_id]
        assert problem.entry_point == known["entry_point"]
        (suite,) = problem.suites
        tests = suite.suite["tests"]
        written = {(test["input"].strip(), test["output"].strip()) for test in known["tests"]}
        if known["entry_point"] is None:
            assert {(test["input"].strip(), test["output"].strip()) for test in tests} == written
        else:
            loaded = {(json.dumps(json.loads(a)), json.dumps(json.loads(b))) for a, b in written}
            assert {(json.dumps(json.loads(test["input"])), json.dumps(json.loads(test["output"]))) for test in tests} == loaded
