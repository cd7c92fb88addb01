"""Training for real: TRL on a tiny model, from the release to the checkpoint; the known traps; kills."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from ocr_assets.platform.lake import project_lake
from ocr_assets.training.assets import finetuned_model, packed_sft, training_mix
from ocr_assets.training.process import Training, TrainingRuns, train
from ocr_assets.training.recipes.definition import load_recipe
from ocr_assets.training.trl_config import trl_config
from tests.support.graph import ROOT, run
from tests.support.training import materialize, release, rows, tiny_base, write_mix

DYING = ROOT / "tests" / "support" / "dying_launcher.py"
PACKING = (training_mix, packed_sft)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory, base: Path) -> Path:
    """A home in which a mix is packed; one row is longer than a bin."""
    home = tmp_path_factory.mktemp("packed")
    found = rows(40)
    found[3] |= {"output": "long " * 2_000}
    release(home, found)
    write_mix(home / "mixes", "all")
    materialize(home, base, *PACKING)
    return home


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, packed: Path, base: Path) -> tuple[Path, dict[str, Any]]:
    """The same home with the model trained in one go, and what the assets told."""
    home = tmp_path_factory.mktemp("trained") / "home"
    shutil.copytree(packed, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", SECRET)
        return home, materialize(home, base)


SECRET = "hf_neverShowThisTokenAnywhere"  # pragma: allowlist secret


def queried(home: Path, query: str) -> list[dict[str, Any]]:
    with project_lake(home / "lake") as lake:
        return lake.rows(query)


def weights(home: Path) -> str:
    (model,) = queried(home, "SELECT folder FROM finetuned_model")
    return hashlib.sha256((Path(model["folder"]) / "model.safetensors").read_bytes()).hexdigest()


def test_each_row_of_a_mix_is_in_a_bin_or_left_out_with_the_reason(packed: Path) -> None:
    (state,) = queried(packed, "FROM packed_mixes")
    assert (state["examples"], state["too_long"]) == (39, 1)
    (long,) = queried(packed, "SELECT * FROM packed_sft WHERE bin IS NULL")
    assert long["reason"] == "longer than 1,024 tokens" and long["tokens"] > 1_024
    bins = pq.read_table(state["folder"]).to_pylist()
    for row in queried(
        packed, "SELECT bin, list(tokens ORDER BY place) AS tokens FROM packed_sft WHERE bin IS NOT NULL GROUP BY bin"
    ):
        assert bins[row["bin"]]["seq_lengths"] == row["tokens"]
    (traced,) = queried(
        packed, "SELECT * FROM trace((SELECT min(bin_id) FROM packed_sft WHERE place = 0 AND bin = 0)) WHERE step = 2 LIMIT 1"
    )
    assert traced["stage"] == "training_mix" and traced["parent"].startswith("sft_")
    (why,) = queried(packed, f"SELECT * FROM why('{long['example_id']}')")
    assert why["became"] == "dropped by packed_sft" and why["reason"] == long["reason"]


@pytest.mark.long
def test_a_refresh_with_nothing_new_does_nothing(packed: Path, base: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in (packed / "training").rglob("*") if file.is_file()}
    snapshots = queried(packed, "SELECT count(*) AS n FROM dataset_version")
    told = materialize(packed, base, *PACKING)
    assert told["training_mix"]["made anew"].value == [] and told["packed_sft"]["packed anew"].value == []
    assert {file: file.stat().st_mtime_ns for file in (packed / "training").rglob("*") if file.is_file()} == before
    assert queried(packed, "SELECT count(*) AS n FROM dataset_version") == snapshots


def test_without_a_base_model_nothing_is_packed_or_trained(packed: Path) -> None:
    told = materialize(packed, "")
    for name in ("packed_sft", "finetuned_model"):
        assert "OCR_BASE_MODEL" in told[name]["skipped"].value and told[name]["new rows"].value == 0


@pytest.mark.parametrize(
    ("named", "complaint"),
    [
        ("/no/such/folder", "OCR_BASE_MODEL=/no/such/folder: no such folder; give one, or a name on the Hub"),
        ("EMPTY", "no config.json in that folder"),
        ("NO_TOKENIZER", "no tokenizer in that folder"),
    ],
)
def test_a_wrong_base_model_is_one_line(packed: Path, tmp_path: Path, named: str, complaint: str) -> None:
    if named == "NO_TOKENIZER":
        (tmp_path / "config.json").write_text("{}")
    with pytest.raises(dg.Failure) as error:
        materialize(packed, named if named.startswith("/") else tmp_path, *PACKING)
    assert complaint in str(error.value) and "\n" not in str(error.value)


def test_a_missing_extra_is_one_line(packed: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocr_assets.training.finetuning.find_spec", lambda name: None)
    with pytest.raises(dg.Failure) as error:
        materialize(packed, base, *PACKING, finetuned_model)
    assert str(error.value).endswith("pip install 'ocr-assets[train]'") and "\n" not in str(error.value)


def trainer_of(packed: Path, base: Path, folder: Path, bins: list[dict[str, Any]]) -> Any:
    """TRL's trainer as our configuration sets it up, over these bins, all weights drawn from one seed."""
    from datasets import Dataset
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, set_seed
    from trl import SFTConfig, SFTTrainer

    recipe = load_recipe("small")
    config = trl_config(recipe, model="", revision=None, packed=packed, output=folder, seed=0, devices=1, end_of_turn=None)
    model_fields = ("model_name_or_path", "dtype", "attn_implementation", "datasets")
    set_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base), attn_implementation="sdpa")
    tokenizer = AutoTokenizer.from_pretrained(base)
    settings = SFTConfig(**{name: value for name, value in config.items() if name not in model_fields})
    return SFTTrainer(model=model, args=settings, train_dataset=Dataset.from_list(bins), processing_class=tokenizer)


def gradient(packed: Path, base: Path, folder: Path, bins: list[dict[str, Any]]) -> tuple[float, np.ndarray]:
    """Loss and gradient over all bins, one at a time and accumulated, as TRL's trainer computes them."""
    import torch

    trainer = trainer_of(packed, base, folder, bins)
    count = torch.tensor(sum(label != -100 for row in bins for label in row["labels"]))
    total = 0.0
    for batch in trainer.get_train_dataloader():
        loss = trainer.compute_loss(trainer.model, batch, num_items_in_batch=count)
        loss.backward()
        total += loss.item()
    return total, np.concatenate(
        [p.grad.flatten().numpy() for _, p in sorted(trainer.model.named_parameters()) if p.grad is not None]
    )


def apart(bins: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each sequence in a bin of its own."""
    found = []
    for row in bins:
        ends = np.cumsum(row["seq_lengths"]).tolist()
        for begin, end in zip([0, *ends], ends, strict=False):
            found.append(
                {"input_ids": row["input_ids"][begin:end], "labels": row["labels"][begin:end], "seq_lengths": [end - begin]}
            )
    return found


@pytest.mark.long
def test_packed_and_unpacked_give_the_same_gradient(packed: Path, base: Path, tmp_path: Path) -> None:
    bins = pq.read_table(packed / "training" / "packed" / "all").to_pylist()[:5]
    assert max(len(row["seq_lengths"]) for row in bins) > 1
    loss, together = gradient(packed, base, tmp_path, bins)
    loss_apart, alone = gradient(packed, base, tmp_path, apart(bins))
    assert abs(loss - loss_apart) < 1e-5 and np.abs(together - alone).max() < 1e-6
    # What packing without boundaries does (TRL's `wrapped`): rows see those before them.
    loss_wrapped, wrapped = gradient(packed, base, tmp_path, [{**row, "seq_lengths": [len(row["input_ids"])]} for row in bins])
    assert np.abs(wrapped - alone).max() > 1e-4 and loss_wrapped != loss


@pytest.mark.long
def test_the_loss_is_taken_on_answers_only(packed: Path, base: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoTokenizer

    (bin_, *_) = pq.read_table(packed / "training" / "packed" / "all").to_pylist()
    tokenizer = AutoTokenizer.from_pretrained(base)
    parts = apart([bin_])
    for part in parts:
        said = [token for token, label in zip(part["input_ids"], part["labels"], strict=True) if label != -100]
        assert part["labels"][-len(said) :] == said, "the answer is what comes last, in one piece"
        text = tokenizer.decode(said)
        assert text.startswith("<think>\n") and text.endswith(")<|im_end|>") and "Read n numbers" not in text
        assert tokenizer.decode(part["input_ids"][: -len(said)]).endswith("<|im_start|>assistant\n")
    trainer = trainer_of(packed, base, tmp_path, [bin_])
    (batch,) = trainer.get_train_dataloader()
    with torch.no_grad():
        loss = float(trainer.compute_loss(trainer.model, batch, num_items_in_batch=None))
        logs = [
            torch.log_softmax(trainer.model(torch.tensor([part["input_ids"]])).logits[0], -1)[at - 1, label]
            for part in parts
            for at, label in enumerate(part["labels"])
            if label != -100
        ]
    assert loss == pytest.approx(-float(torch.stack(logs).mean()), abs=1e-5)


def test_a_model_is_trained_with_its_curve_and_what_it_came_from(trained: tuple[Path, dict[str, Any]], base: Path) -> None:
    home, told = trained
    (model,) = queried(home, "FROM finetuned_model")
    (packed,) = queried(home, "FROM packed_mixes")
    losses = queried(home, "SELECT * FROM training_loss ORDER BY step")
    assert model["steps"] == len(losses) == 2 * -(-packed["bins"] // 4) and model["epochs"] == 2
    assert losses[-1]["loss"] < losses[0]["loss"] and model["final_loss"] == losses[-1]["loss"]
    assert model["resumed"] == 0 and model["base"] == str(base) and model["packed_version"] == packed["data_version"]
    folder = Path(model["folder"])
    assert {"config.json", "model.safetensors", "tokenizer.json", "generation_config.json"} <= {
        path.name for path in folder.iterdir()
    }
    assert not list(folder.glob("checkpoint-*")), "what was only kept to resume from is gone"
    assert "loss" in told["finetuned_model"]
    before = (folder / "model.safetensors").stat().st_mtime_ns
    again = materialize(home, base)
    assert again["finetuned_model"]["trained now"].value == [] and (folder / "model.safetensors").stat().st_mtime_ns == before


def test_no_token_stands_in_any_file_or_page(trained: tuple[Path, dict[str, Any]]) -> None:
    home, told = trained
    files = [file for file in home.rglob("*") if file.is_file()]
    assert len(files) > 20
    assert not [file for file in files if SECRET.encode() in file.read_bytes()]
    assert SECRET not in str(told)


@pytest.mark.long
def test_killed_while_it_writes_a_checkpoint_it_resumes_by_itself_to_the_same_weights(
    trained: tuple[Path, dict[str, Any]], packed: Path, base: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(packed, home)
    with pytest.raises(dg.Failure, match="TRL ended with -9"):
        materialize(home, base, launcher=f"{sys.executable} {DYING} 6")
    (folder,) = (home / "training" / "models" / "all").iterdir()
    training = Training(folder)
    assert {path.name for path in training.model.glob("checkpoint-*")} == {"checkpoint-2", "checkpoint-4", "checkpoint-6"}
    whole = training.checkpoint()
    assert whole is not None and whole.name == "checkpoint-4", "the half-written one is passed over"
    assert not training.is_done and queried(home, "FROM finetuned_model") == []
    materialize(home, base)
    assert [start["from"] for start in training.starts] == [None, "checkpoint-4"]
    (model,) = queried(home, "FROM finetuned_model")
    assert model["resumed"] == 1 and weights(home) == weights(trained[0])
    points = "SELECT step, loss FROM training_loss ORDER BY step"
    assert queried(home, points) == queried(trained[0], points), "the curve too is that of a training that was not killed"


@pytest.mark.long
def test_only_the_recipe_is_written_where_training_is_to_run_elsewhere(packed: Path, tmp_path: Path) -> None:
    """And first weights are made for a base of which only the shape is given."""
    home = tmp_path / "home"
    shutil.copytree(packed, home)
    base = tiny_base(tmp_path / "base", weights=False)
    run_config = {"ops": {"finetuned_model": {"config": {"start": False}}}}
    models = home / "training" / "models" / "all"
    before = set(models.glob("*"))  # other tests may have trained in the home that this one is copied from
    materialize(home, base, run_config=run_config, devices=2)
    (folder,) = set(models.iterdir()) - before
    assert not (folder / "starts.jsonl").exists()
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
    assert recipe["gradient_accumulation_steps"] == 2 and recipe["model_name_or_path"] == str(folder / "first_weights")
    assert {"model.safetensors", "tokenizer.json"} <= {path.name for path in (folder / "first_weights").iterdir()}


@pytest.mark.long
def test_a_packed_mix_as_nemo_rl_reads_it(packed: Path, base: Path, tmp_path: Path) -> None:
    """The texts that NeMo-RL tokenizes are the sequences that TRL is given; the recipe follows from ours."""
    from transformers import AutoTokenizer

    done = run("nemo-rl", "all", str(tmp_path), home=packed, OCR_BASE_MODEL=str(base), OCR_MIXES=str(packed / "mixes"))
    assert "39 rows" in done.stderr
    tokenizer = AutoTokenizer.from_pretrained(base)
    lines = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    sequences = apart(pq.read_table(packed / "training" / "packed" / "all").to_pylist())
    assert sorted(line["input"] + line["output"] for line in lines) == sorted(
        tokenizer.decode(sequence["input_ids"]) for sequence in sequences
    )
    recipe = yaml.safe_load((tmp_path / "all.yaml").read_text())
    policy, data = recipe["policy"], recipe["data"]
    assert policy["tokenizer"]["chat_template"] is None and not data["add_bos"] and not data["add_eos"], "the texts are whole"
    assert policy["optimizer"]["kwargs"]["lr"] == 3e-3 and policy["max_total_sequence_length"] == 1_024
    assert data["train"]["dataset_name"] == "ResponseDataset" and data["train"]["data_path"] == str(tmp_path / "train.jsonl")
    rising, _, last = policy["scheduler"]
    assert rising["kwargs"]["total_iters"] == last["milestones"][0] < recipe["sft"]["max_num_steps"]


SLEEPS = "import sys, time; print('sleeping', flush=True); time.sleep(600)"


def test_a_training_ends_with_the_process_that_started_it_and_no_other_begins_beside_it(tmp_path: Path) -> None:
    (tmp_path / "sleeps.py").write_text(SLEEPS)
    launcher = f"{sys.executable} {tmp_path / 'sleeps.py'}"
    program = (
        "import sys; from pathlib import Path; from ocr_assets.training.process import Training, train\n"
        f"training = Training(Path({str(tmp_path)!r}))\n"
        f"with training.locked() as lock: train(training, lock, {launcher!r}, None, print)"
    )

    def started(launcher: str) -> None:
        with Training(tmp_path).locked() as lock:
            train(Training(tmp_path), lock, launcher, None, print)

    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    try:
        until(lambda: (tmp_path / "log.txt").exists() and "sleeping" in (tmp_path / "log.txt").read_text())
        with pytest.raises(TrainingRuns, match="is being trained by another process"):
            started(launcher)
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    (tmp_path / "ends.py").write_text("print('done')")

    def free() -> bool:
        try:
            started(f"{sys.executable} {tmp_path / 'ends.py'}")
        except TrainingRuns:
            return False
        return True

    until(free)
    assert len([json.loads(line) for line in (tmp_path / "starts.jsonl").read_text().splitlines()]) == 2


def until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
