"""Attacks on training that need no model: processes left behind, wrong definitions, rows that are not as they should be."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ocr_assets.training.base import FileHashes, find_base
from ocr_assets.training.mixes.definition import TrainingMix, read_mix
from ocr_assets.training.process import Training, TrainingFailed, TrainingRuns, train
from ocr_assets.training.recipes.definition import read_recipe
from ocr_assets.training.releases import find_release
from ocr_assets.training.selection import choose
from tests.support.graph import ROOT
from tests.support.training import release, rows

# A launcher as accelerate's: the trainer is a process of its own, in a session of its own, which inherits nothing.
LAUNCHER = """
import subprocess, sys, pathlib
sleeps = "import time; time.sleep(600)"
trainer = subprocess.Popen([sys.executable, "-c", sleeps], start_new_session=True)
pathlib.Path(sys.argv[0]).with_name("trainer").write_text(str(trainer.pid))
sys.exit(int(sys.argv[1])) if len(sys.argv[1]) < 2 else trainer.wait()
"""


def until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_trainer_ends_with_us_though_its_launcher_forgets_it(tmp_path: Path) -> None:
    (tmp_path / "launcher.py").write_text(LAUNCHER)
    program = (
        "from pathlib import Path; from ocr_assets.training.process import Training, train\n"
        f"training = Training(Path({str(tmp_path)!r}))\n"
        f"with training.locked() as lock: train(training, lock, {f'{sys.executable} {tmp_path}/launcher.py'!r}, None, print)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    try:
        until(lambda: (tmp_path / "trainer").exists() and (tmp_path / "trainer").read_text())
        trainer = int((tmp_path / "trainer").read_text())
        with pytest.raises(TrainingRuns), Training(tmp_path).locked():
            pass
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()

    def is_free() -> bool:
        try:
            with Training(tmp_path).locked():
                assert not lives(trainer), "another training could begin beside this one"
                return True
        except TrainingRuns:
            return False

    until(is_free)


def test_a_launcher_that_fails_leaves_no_trainer_behind(tmp_path: Path) -> None:
    (tmp_path / "launcher.py").write_text(LAUNCHER.replace("sys.argv[1]", "'3'"))
    training = Training(tmp_path)
    with training.locked() as lock, pytest.raises(TrainingFailed, match="TRL ended with 3"):
        train(training, lock, f"{sys.executable} {tmp_path}/launcher.py", None, print)
    assert not lives(int((tmp_path / "trainer").read_text()))


def test_keys_of_models_do_not_reach_the_trainer_and_the_hubs_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OCR_TEACHER_KEY", "OCR_JUDGE_KEY", "OCR_EVALUATED_KEY", "HF_TOKEN"):
        monkeypatch.setenv(name, f"secret-of-{name}")
    (tmp_path / "says.py").write_text("import os; print(dict(os.environ)); print('secret-of-OCR_JUDGE_KEY')")
    training = Training(tmp_path)
    with training.locked() as lock:
        train(training, lock, f"{sys.executable} {tmp_path}/says.py", None, print)
    log = training.log.read_text()
    assert "secret-of" not in log and "OCR_TEACHER_KEY" not in log and "'HF_TOKEN': '***'" in log


def mix(name: str = "mine", **fields: Any) -> TrainingMix:
    return TrainingMix(**{"name": name, "title": "Mine", "recipe": "small", "from": [{}], **fields})


def chosen(home: Path, wanted: TrainingMix, *others: TrainingMix) -> list[dict[str, Any]]:
    """Rows of a mix, ordered by position."""
    with duckdb.connect() as lake:
        count = lambda query: lake.sql(f"SELECT count(*) FROM ({query})").fetchall()[0][0]  # noqa: E731
        found = choose(wanted, {other.name: other for other in others}, home / "releases", count)
        return lake.sql(f"SELECT * FROM ({found.query}) ORDER BY position").to_arrow_table().to_pylist()


def folder(home: Path, **columns: list[Any]) -> Path:
    home.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), home / f"{len(list(home.iterdir()))}.parquet")
    return home


def test_no_mix_is_larger_than_any_that_bounds_it(tmp_path: Path) -> None:
    """Neither where that one is bounded itself, nor where its rows are taken more than once."""
    release(tmp_path, rows(40))
    mixes = [
        mix("five", **{"from": [{"rows": 5}]}),
        mix("as_five", as_many_as=("five",)),
        mix("as_that", as_many_as=("as_five",)),
        mix("twice", **{"from": [{"weight": 2.0}]}, as_many_as=("as_that", "as_five")),
        mix("in_turn", as_many_as=("twice",)),
    ]
    assert [len(chosen(tmp_path, each, *mixes)) for each in mixes] == [5] * 5
    doubled = mix("doubled", **{"from": [{"rows": 5, "weight": 2.0}]})
    assert len(chosen(tmp_path, mix(as_many_as=("doubled",)), doubled)) == 10


def test_published_files_whose_columns_differ(tmp_path: Path) -> None:
    found = folder(tmp_path / "published", id=["a"], input=["q"], output=["o"], language=["cpp"])
    folder(found, id=["b"], input=["q"], output=["o"])
    assert {row["released_id"]: row["language"] for row in chosen(tmp_path, mix(**{"from": [{"release": str(found)}]}))} == {
        "a": "cpp",
        "b": "python",
    }
    release_files = find_release(str(found), tmp_path)
    assert release_files is not None
    texts = [duckdb.sql(release_files.texts([file])).fetchall() for file in release_files.files]
    assert texts == [[(None, "a", "cpp", "q", "o")], [(None, "b", "python", "q", "o")]]


def test_ids_that_are_numbers_are_texts(tmp_path: Path) -> None:
    found = folder(tmp_path / "published", id=[1, 2], input=["q", "r"], output=["o", "p"], difficulty=[1, 5])
    assert {row["released_id"] for row in chosen(tmp_path, mix(**{"from": [{"release": str(found)}]}))} == {"1", "2"}


def test_conversations_without_question_or_answer_are_no_rows(tmp_path: Path) -> None:
    human, gpt = {"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}
    conversations = [[human, gpt], [human], [gpt], [], None, [human, {**gpt, "value": None}]]
    found = folder(tmp_path / "published", question_id=list("abcdef"), conversations=conversations, r1_correctness=["True"] * 6)
    assert [row["released_id"] for row in chosen(tmp_path, mix(**{"from": [{"release": str(found)}]}))] == ["a"]


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    found = folder(tmp_path / "published", id=["a"], input=["q"], output=["o"])
    (found / "half.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"half\.parquet is no Parquet file"):
        find_release(str(found), tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "[[from]]\nweight = inf",
        "[[from]]\nweight = nan",
        "seed = 4294967296\n[[from]]",
        "[change]\nepochs = inf\n[[from]]",
        "[change]\nlearning_rate = nan\n[[from]]",
        "[[from]]\nverdicts = 'accepted'",
        "from = []",
        "as_many_as = ['mine']\n[[from]]",
    ],
)
def test_a_definition_that_can_not_be_carried_out_is_refused_with_its_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"title = 'Mine'\nrecipe = 'small'\n{text}\n")
    with pytest.raises(ValueError, match=r"mine\.toml: ") as raised:
        read_mix(path)
    assert "\n" not in str(raised.value)


def test_a_definition_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "no_text.toml").write_bytes(b"title = '\xff'")
    for path in (tmp_path / "folder.toml", tmp_path / "no_text.toml"):
        for read in (read_mix, read_recipe):
            with pytest.raises(ValueError, match=path.name):
                read(path)


def test_a_base_model_changed_in_place_is_another_version(tmp_path: Path) -> None:
    """Though its weights are as long as before, and as old by what is told: `cp -p` tells the time of what was copied."""
    base = tmp_path / "base"
    base.mkdir()
    for name, text in {"config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "one"}.items():
        (base / name).write_text(text)
    memory = tmp_path / "hashes.json"
    weights, version = base / "model.safetensors", lambda: find_base(str(base)).version(FileHashes(memory))
    first, told = version(), weights.stat()
    assert version() == first
    time.sleep(0.02)  # the grain of a file system's clock
    weights.write_text("two")
    os.utime(weights, ns=(told.st_atime_ns, told.st_mtime_ns))
    second = version()
    assert second != first
    (base / "modeling_own.py").write_text("# code that the model is built by")
    assert version() not in (first, second)
    memory.write_text('{"half a file": [')
    assert version() not in (first, second), "what is remembered is only a help"


def test_a_base_model_that_is_a_file_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    Path("models/weights.safetensors").write_text("")
    with pytest.raises(ValueError, match="that is a file; give the folder of a model"):
        find_base("models/weights.safetensors")


def test_a_checkpoint_that_lost_its_end_is_passed_over(tmp_path: Path) -> None:
    """As a machine without power leaves it: the state, written last, is there, and not all of what was written before."""
    training = Training(tmp_path)
    header = b'{"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}'
    whole = len(header).to_bytes(8, "little") + header + b"1234"
    for step, content in {2: whole, 4: whole[:-1], 6: b"", 8: whole}.items():
        folder = training.model / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": step, "max_steps": 8}))
        (folder / "model.safetensors").write_bytes(content)
    (training.model / "checkpoint-8" / "optimizer.pt").write_bytes(b"PK half")
    found = training.checkpoint()
    assert found is not None and found.name == "checkpoint-2" and not training.is_done
