"""What a run's result descriptor says, read with distrust: the program may have written on it itself.

Facts only: comparing a call's value with what is expected happens outside (``ocr_assets/grading``).
"""

import json

from runner import cover

LEVELS = 400  # of nesting that JSON encodes and decodes again without running out of stack
LIMITS = ("time_limit", "idle_limit", "memory_limit", "output_limit")


def take_result(outcome, kind, nonce, result):
    """Put the result of a call, or of a suite in the program's own process, into the facts of its run."""
    if kind == "exec call":
        result, unfit = _of_compiled(result, nonce)
        if unfit is not None:
            outcome["status"], outcome["error"], outcome["result"] = "runtime_error", unfit, {"unfit": True}
            return
    found = _json(result)
    if kind in ("call", "exec call"):
        if found is _NOTHING and outcome["status"] == "ok":
            outcome["status"], outcome["error"] = "runtime_error", "the function did not return"
        if isinstance(found, dict) and found.keys() == {"w"}:
            found, outcome["untrusted"] = found["w"], "a result of a class with rules of its own was taken for the data in it"
        outcome["result"] = None if found is _NOTHING else found
    elif isinstance(found, dict) and found.get("failed") is not None:
        outcome["status"], outcome["error"] = "runtime_error", str(found["failed"])[:1000]
        outcome["result"] = {"wrong": found.get("wrong") is True, "passed": _names(found.get("passed"))}
    elif outcome["status"] == "ok":
        if not (isinstance(found, dict) and found.get("passed") == nonce):
            outcome["status"], outcome["error"] = "runtime_error", "ended before the tests were done"
        elif names := _names(found.get("names")):  # assertions have none
            outcome["result"] = {"passed": names}


def take_script(outcome, told, calls):
    """Put the results of a suite's calls into the facts of its run. ``told``: what the program's process has written, by call."""
    results = [_json(text) for text in told]
    if outcome["status"] == "ok" and (len(results) < calls or any(found is _NOTHING for found in results)):
        outcome["status"], outcome["error"] = "runtime_error", "not all calls returned"
    outcome["result"] = results if outcome["status"] == "ok" else None


def combine(outcome, of_suite, result):
    """Put the facts of a suite's process and its result into those of the program it tested. Adds ``apart`` (true),
    ``cannot`` and ``odd``: why the run is to be repeated in one process, always or if it failed; ``untrusted``; ``again``: what
    of a suite that passed is to be looked at once more (``apart/doubts.py``)."""
    said = _json(result)
    said = said if isinstance(said, dict) else {}
    crash = outcome["signal"] if outcome["status"] == "runtime_error" and outcome["signal"] not in (None, 9) else None
    exit_code = outcome["exit_code"]
    outcome["cpu_s"] = round(outcome["cpu_s"] + of_suite["cpu_s"], 4)
    outcome["wall_s"] = max(outcome["wall_s"], of_suite["wall_s"])
    outcome["memory_mb"] = max(outcome["memory_mb"], of_suite["memory_mb"])
    outcome |= {"apart": True, "cannot": said.get("cannot"), "untrusted": said.get("untrusted"), "result": None}
    outcome["odd"], outcome["again"] = said.get("odd"), None
    outcome["exit_code"], outcome["signal"] = of_suite["exit_code"], crash
    if outcome["status"] in LIMITS:
        return
    if of_suite["status"] in LIMITS:
        outcome["status"] = of_suite["status"]
        return
    names = _names(said.get("passed"))
    if said.get("ended") is not None:
        ended = f" (signal {crash})" if crash else f" (exit code {exit_code})" if exit_code is not None else ""
        outcome["status"], outcome["error"] = "runtime_error", str(said["ended"]) + ended
        outcome["exit_code"] = exit_code
    elif "failed" not in said:
        outcome["status"], outcome["error"] = "runtime_error", "the suite ended before its tests were done"
    elif str(said["failed"]).startswith("MemoryError"):
        outcome["status"] = "memory_limit"
    elif said["failed"] is not None:
        outcome["status"], outcome["error"], outcome["exit_code"] = "runtime_error", str(said["failed"])[:1000], 1
        outcome["result"] = {"wrong": said.get("wrong") is True, "passed": names}
    else:
        outcome["status"], outcome["result"] = "ok", ({"passed": names} if names else None)
        outcome["again"] = said.get("again")
        outcome["coverage"] = cover.checked(said.get("coverage"))


def _of_compiled(result, nonce):
    """What call.h has written: (the result, null), or (nothing, why the arguments do not fit the function)."""
    mark = nonce.encode()
    if not result.startswith(mark):
        return b"", None
    result = result[len(mark) :]
    if not result.startswith(b"!"):
        return result, None
    reason = _json(result[1:])
    return b"", str(reason)[:1000] if isinstance(reason, str) else "the arguments do not fit"


_NOTHING = object()


def _json(result):
    try:
        found = json.loads(result)
    except (ValueError, RecursionError):
        return _NOTHING
    return found if _shallow(found) else _NOTHING


def _names(value):
    return [str(name) for name in value] if isinstance(value, list) else []


def _shallow(value, levels=LEVELS):
    level = [value]
    while level and levels:
        level = [
            item
            for outer in level
            if isinstance(outer, (list, dict))
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
        levels -= 1
    return not level
