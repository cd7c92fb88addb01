"""The host's end of the runner's protocol (sandbox_images/README.md), over any pair of byte streams.

Who starts the runner is ``docker_pool.py`` (a container) or ``process.py`` (a local process).
"""

from __future__ import annotations

import json
import logging
import struct
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol

from resources.sandbox.api import Coverage, Interactor, InteractorOutcome, Program, Run, RunOutcome

# Bytes of runs sent before their answers came. They must fit into the pipe to the runner: it does not read while a test
# runs, and a client stuck in writing would not read its answers.
AHEAD = 32 * 1024
# Beyond a run's wall time: a busy host may leave a program without a core for minutes (the runner's STARVED_S). Who has not
# answered by then is broken.
GRACE_S = 300.0
COMPILE_S = 360.0  # for the first answer
log = logging.getLogger(__name__)


class Stream(Protocol):
    """Bytes to and from a runner. ``read`` blocks for exactly ``size`` bytes; both raise ``ConnectionError`` when cut."""

    def read(self, size: int, timeout_s: float) -> bytes: ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class Connection:
    """One runner, one program at a time."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        ready, _ = self._receive(60)
        self.host_speed = float(ready["host_speed"])
        self.filtered = bool(ready["filtered"])  # the container filters system calls, as far as its kernel knows

    def run(
        self, program: Program, until: Callable[[int, RunOutcome], bool] | None
    ) -> tuple[Mapping[str, Any], Sequence[RunOutcome]]:
        """Compile and run; (the compiler's answer, outcomes). Raises ``ConnectionError`` if the runner breaks.

        Short runs are sent ahead of the answers to those before them; ``until`` ends them all the same.
        """
        runs = program.runs
        waiting: deque[int] = deque()  # sizes of the runs sent and not answered
        sent = 0
        head = _program_message(program)
        outcomes: list[RunOutcome] = []

        def send_ahead(first: bytes = b"") -> None:
            nonlocal sent
            batch, room = [first] if first else [], AHEAD - len(first) - sum(waiting)
            while sent < len(runs):
                message = _run_message(runs[sent], program.interactor, last=sent == len(runs) - 1)
                if len(message) > room and (waiting or batch):
                    break
                room -= len(message)
                waiting.append(len(message))
                batch.append(message)
                sent += 1
            if batch:
                self._stream.write(b"".join(batch))

        send_ahead(head)
        answer, _ = self._receive(COMPILE_S)
        compiled = answer["compiled"] and answer.get("interactor_compiled", True)
        if not compiled:
            if not runs or sent < len(runs):
                self._end()
            return answer, []
        timeout_s = program.limits.wall_s + GRACE_S + (program.interactor.limits.wall_s if program.interactor else 0)
        while len(outcomes) < len(runs):
            send_ahead()
            run = runs[len(outcomes)]
            header, blobs = self._receive(timeout_s)
            waiting.popleft()
            if header.get("distrust"):
                log.info("calls are asked again, each in a process of its own: %s", header["distrust"])
                self._end(timeout_s)
                return self.run(replace(program, runs=[replace(run, together=False) for run in runs]), until)
            outcome = _outcome(run, program.interactor, header, blobs)
            enough = until is not None and until(len(outcomes), outcome)
            # What was shown to ``until`` is not kept: outputs of a hundred tests are no small thing.
            outcomes.append(outcome if until is None else replace(outcome, stdout=b"", value=None))
            if enough and len(outcomes) < len(runs):
                self._end(timeout_s)
                break
        if not runs:
            self._end()
        return answer, outcomes

    def expect_partner(self, name: str) -> None:
        """Tell the runner that another one will come under ``name``, to run the interactors of its programs."""
        self._stream.write(_message({"op": "partner", "name": name}, []))
        self._receive(60)

    def times(self) -> dict[str, float]:
        """Seconds the runner spent, by part of the work."""
        self._stream.write(_message({"op": "times"}, []))
        times: dict[str, float] = self._receive(60)[0]["times"]
        return times

    def close(self) -> None:
        self._stream.close()

    def _end(self, timeout_s: float = 60) -> None:
        """No more runs; answers on their way are dropped."""
        self._stream.write(_message({"op": "end"}, []))
        while not self._receive(timeout_s)[0].get("clean"):
            pass

    def _receive(self, timeout_s: float) -> tuple[dict[str, Any], list[bytes]]:
        size = struct.unpack(">I", self._stream.read(4, timeout_s))[0]
        header = json.loads(self._stream.read(size, timeout_s))
        return header, [self._stream.read(length, timeout_s) for length in header["sizes"]]


def _message(header: dict[str, Any], blobs: Sequence[bytes]) -> bytes:
    text = json.dumps({**header, "sizes": [len(blob) for blob in blobs]}).encode()
    return b"".join([struct.pack(">I", len(text)), text, *blobs])


def _program_message(program: Program) -> bytes:
    header: dict[str, Any] = {
        "op": "program", "language": program.language, "std": program.std, "judge": program.judge,
        "limits": asdict(program.limits), "hash_seed": program.hash_seed, "defines": list(program.defines),
        "calls": program.calls, "coverage": program.coverage,
    }  # fmt: skip
    blobs = [_source(program.code)]
    if (interactor := program.interactor) is not None:
        limits = asdict(interactor.limits)
        header["interactor"] = {"language": interactor.language, "std": interactor.std, "judge": True, "limits": limits}
        blobs.append(_source(interactor.code))
    header["sources"] = list(program.sources)
    blobs += map(_source, program.sources.values())
    return _message(header, blobs)


def _run_message(run: Run, interactor: Interactor | None, *, last: bool) -> bytes:
    header: dict[str, Any] = {
        "op": "run", "kind": run.kind, "argv": list(run.argv), "entry": run.entry, "files": list(run.files),
        "collect": _collected(run), "whole": run.output_file is not None, "literals": run.literals is not None, "last": last,
        "apart": run.apart, "together": run.together,
    }  # fmt: skip
    blobs = [run.stdin, _data(run), *run.files.values()]
    if interactor is not None:
        header["interactor"] = {
            "argv": list(run.interactor_argv),
            "files": list(run.interactor_files),
            "collect": list(run.interactor_collect),
        }
        blobs += run.interactor_files.values()
    return _message(header, blobs)


def _data(run: Run) -> bytes:
    if run.data is not None:
        return run.data
    if run.kind != "call":
        return (run.code or "").encode("utf-8", "replace")
    if run.literals is not None:
        return run.literals.encode("utf-8", "surrogatepass")
    return json.dumps({"args": list(run.args), "kwargs": dict(run.kwargs)}).encode()


def _outcome(run: Run, interactor: Interactor | None, answer: dict[str, Any], blobs: list[bytes]) -> RunOutcome:
    theirs = None
    if interactor is not None:
        ended = answer["interactor"]
        theirs = InteractorOutcome(
            status=ended["status"], exit_code=ended["exit_code"], signal=ended["signal"], stderr=blobs[2],
            files=_files(run.interactor_collect, blobs[3:], ended["collected"]), first=answer["interactor_first"],
        )  # fmt: skip
    files = _files(_collected(run), blobs[2:], answer["collected"]) if interactor is None else {}
    output = files.pop(run.output_file, b"") if run.output_file is not None else b""
    return RunOutcome(
        status=answer["status"],
        cpu_s=answer["cpu_s"],
        wall_s=answer["wall_s"],
        memory_mb=answer["memory_mb"],
        exit_code=answer["exit_code"],
        signal=answer["signal"],
        stdout=output or blobs[0],
        stderr=blobs[1],
        value=answer.get("result"),
        error=answer["error"],
        apart=answer.get("apart", True),
        untrusted_reason=answer.get("untrusted"),
        files=files,
        interactor=theirs,
        coverage=_coverage(answer.get("coverage")),
    )


def _coverage(said: dict[str, Any] | None) -> Coverage | None:
    if said is None:
        return None
    arcs = [(int(start), int(end)) for start, end in said["missing_branches"]]
    return Coverage(said["statements"], said["missing"], said["branches"], arcs)


def _collected(run: Run) -> list[str]:
    return [*run.collect, *([] if run.output_file is None else [run.output_file])]


def _files(names: Sequence[str], blobs: Sequence[bytes], present: Sequence[bool]) -> dict[str, bytes]:
    return {name: blob for name, blob, there in zip(names, blobs, present, strict=True) if there}


def _source(code: str) -> bytes:
    escaped = any("\udc80" <= character <= "\udcff" for character in code)
    return code.encode("utf-8", "surrogateescape" if escaped else "replace")
