"""TRL in a process of its own: started, watched, resumed from its last whole checkpoint.

A training is a folder: ``recipe.yaml`` (TRL's configuration), ``model/`` (what TRL writes: checkpoints, at the end the model),
``log.txt`` (what it said), ``starts.jsonl`` (when it was started, from which checkpoint), ``lock`` (held by whoever trains).
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from ocr_assets.training.locks import locked
from resources.guard import guarded
from resources.secrets import SECRETS, Secret, hidden

# Keys of the Hub: the process may know them, but never shows them.
HUB_KEYS = (Secret("HF_TOKEN", "Key of the Hub"), Secret("HUGGING_FACE_HUB_TOKEN", "The same, by its older name"))
SAY_EVERY_S = 15.0


class TrainingFailed(RuntimeError):
    """TRL ended with an error. The message holds the last lines that it wrote."""


class TrainingRuns(RuntimeError):
    """Another process trains this model now."""


@dataclass(frozen=True)
class Training:
    """The folder of a training."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "recipe.yaml"

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def cache(self) -> Path:
        """Where the packed files are laid out for reading while it trains: as much as they, uncompressed."""
        return self.folder / "cache"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @contextlib.contextmanager
    def locked(self) -> Iterator[IO[Any]]:
        """Alone with this training; its folder is there then. Raises ``TrainingRuns`` where another process is at it."""
        with contextlib.ExitStack() as stack:
            try:
                lock = stack.enter_context(locked(self.folder / "lock"))
            except BlockingIOError:
                raise TrainingRuns(f"{self.folder.name} is being trained by another process, which holds its lock") from None
            yield lock

    @property
    def starts(self) -> list[dict[str, Any]]:
        """Each start: ``at``, ``from`` (the checkpoint, or null)."""
        file = self.folder / "starts.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []

    def checkpoint(self) -> Path | None:
        """The last checkpoint that is whole. Its state is what TRL writes last; where that is missing, the rest may be too."""
        whole = [folder for folder in self.model.glob("checkpoint-*") if _state(folder)]
        return max(whole, key=lambda folder: int(folder.name.rpartition("-")[2]), default=None)

    def state(self) -> Mapping[str, Any]:
        """What the trainer noted in that checkpoint: steps, epochs, losses."""
        checkpoint = self.checkpoint()
        return _state(checkpoint) or {} if checkpoint else {}

    @property
    def is_done(self) -> bool:
        """Whether the last step was made and the model lies there whole, whoever trained it. TRL writes the arguments last."""
        state = self.state()
        return bool(state) and state["global_step"] >= state["max_steps"] and (self.model / "training_args.bin").is_file()

    def tidy(self) -> None:
        """Leave the model alone: what only served to make it goes."""
        for folder in [*self.model.glob("checkpoint-*"), self.cache]:
            shutil.rmtree(folder, ignore_errors=True)


def _state(checkpoint: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((checkpoint / "trainer_state.json").read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return found if _is_readable(checkpoint) else None


def _is_readable(checkpoint: Path) -> bool:
    """Whether its files are as long as they say. A machine that loses power may have written the last, not all of the first."""
    return all(map(_is_whole_tensors, checkpoint.glob("*.safetensors"))) and all(map(zipfile.is_zipfile, checkpoint.glob("*.pt")))


def _is_whole_tensors(file: Path) -> bool:
    with file.open("rb") as opened:
        begin = opened.read(8)
        try:
            header = json.loads(opened.read(int.from_bytes(begin, "little")))
        except (ValueError, OverflowError, MemoryError):
            return False
    ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    return file.stat().st_size == 8 + int.from_bytes(begin, "little") + max(ends, default=0)


def train(training: Training, lock: IO[Any], launcher: str, threads: int | None, say: Callable[[str], None]) -> float:
    """Start TRL, or take up again what was interrupted, and wait for its end; returns its wall seconds.

    ``lock``: of ``training.locked()``. Raises ``TrainingFailed``.
    """
    checkpoint = training.checkpoint()
    command = [*(shlex.split(launcher) or [sys.executable]), "-m", "trl.scripts.sft", "--config", str(training.config)]
    if checkpoint:
        command += ["--resume_from_checkpoint", str(checkpoint)]
        say(f"takes up again after step {checkpoint.name.rpartition('-')[2]}")
    with (training.folder / "starts.jsonl").open("a") as starts:
        start = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "from": checkpoint.name if checkpoint else None}
        starts.write(json.dumps(start) + "\n")
    begin = time.monotonic()
    _run(command, training, threads, lock, say)
    return time.monotonic() - begin


def make_first_weights(base: str, out: Path, seed: int) -> None:
    """Random weights for a base of which only the shape is given. Raises ``TrainingFailed``."""
    command = [sys.executable, "-m", "ocr_assets.training.scratch", base, str(out), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, env=_environment(1), stdin=subprocess.DEVNULL)
    if done.returncode:
        raise TrainingFailed(f"no weights could be made from {base}: {_last(done.stderr.splitlines())}")


def _run(command: Sequence[str], training: Training, threads: int | None, lock: IO[Any], say: Callable[[str], None]) -> None:
    last: deque[str] = deque(maxlen=30)
    with training.log.open("a", encoding="utf-8") as kept:
        process = subprocess.Popen(
            guarded(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={"HF_DATASETS_CACHE": str(training.cache), **_environment(threads)},
            start_new_session=True,
            pass_fds=[lock.fileno()],  # whoever outlives us still holds the lock
        )
        try:
            assert process.stdout is not None
            said = 0.0
            for line in process.stdout:
                shown = _without_secrets(line.rstrip())
                kept.write(shown + "\n")
                kept.flush()
                last.append(shown)
                if shown.startswith("{'loss'") and time.monotonic() - said > SAY_EVERY_S:
                    said = time.monotonic()
                    say(shown)
            code = process.wait()
        finally:
            process.terminate()  # the guard ends with all that was started
            process.wait()
    if code:
        raise TrainingFailed(f"TRL ended with {code}; all it said is in {training.log}; at last: {_last(last)}")


def _environment(threads: int | None) -> dict[str, str]:
    """The process has this one's environment: the Hub's key reaches it so, and stands in no file. Our models' keys stay here."""
    ours = {secret.variable for secret in SECRETS}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)
    return {**environment, "PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"}


def _without_secrets(line: str) -> str:
    return hidden(line, [secret.read() for secret in (*HUB_KEYS, *SECRETS)])


def _last(lines: Sequence[str] | deque[str]) -> str:
    said = [line.strip() for line in lines if line.strip()]
    return " | ".join(said[-3:]) or "nothing"
