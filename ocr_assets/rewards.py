"""Rewards for trainers, from a server that ``ocr-assets serve`` started: one file without dependencies, so that it can be used
where a trainer runs, installed with this package or copied.

TRL: ``GRPOTrainer(reward_funcs=[CodeReward()], …)`` over rows with a column ``problem``. verl: the file is
``custom_reward_function.path``, ``compute_score`` its name. Both send what the model wrote and let the server take it apart,
run it and compare. How it does that: ``docs/rewards.md``.

A verdict of the server is the only source of a reward. What cannot be judged now is asked again until ``patience_s`` have
passed without a verdict, and then raised: no fault is a reward, neither 1 nor 0.
"""

# No ``from __future__ import annotations``: verl loads the file without registering it as a module, and dataclasses look for
# annotations that are texts in the registered one.
import hashlib
import http.client
import json
import os
import random
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

URL = "http://127.0.0.1:8600"  # where nothing else is said: neither ``url`` nor OCR_REWARDS_URL
AGAIN = (408, 429, 502, 503, 504)  # statuses on which asking again may help
IN_REQUEST = 64  # solutions of a request
AT_ONCE = 4  # requests
LONGEST_WAIT_S = 15.0


class RewardUnavailable(RuntimeError):
    """There is no verdict, for reasons that are not the solution's."""


class RewardRefused(ValueError):
    """The server cannot judge this, now or later: a problem without tests, a wrong token. The message says what to mend."""


@dataclass(frozen=True)
class RewardServer:
    """The server as its clients see it.

    ``url``: such as ``http://host:8600`` (OCR_REWARDS_URL if None); ``token``: OCR_SERVE_TOKEN if None; ``patience_s``: how long
    faults and a full server are waited for; ``request_s``: how long an answer to one request may take.
    """

    url: str | None = None
    token: str | None = None
    patience_s: float = 1800.0
    request_s: float = 600.0

    def verdicts(
        self, problems: Sequence[Mapping[str, Any]], solutions: Sequence[Mapping[str, Any]], *, all_tests: bool = False
    ) -> list[dict[str, Any]]:
        """One verdict for each of ``solutions`` (``problem_id``, ``language``, ``code`` or ``completion``), in order.

        ``problems``: objects with ``problem_id``, where the server does not hold them. Raises ``RewardUnavailable``,
        ``RewardRefused``.
        """
        known = {str(problem["problem_id"]): problem for problem in problems}
        parts = [solutions[start : start + IN_REQUEST] for start in range(0, len(solutions), IN_REQUEST)]
        if len(parts) < 2:
            return [row for part in parts for row in self._judged(known, part, all_tests)]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            found = list(threads.map(lambda part: self._judged(known, part, all_tests), parts))
        return [row for rows in found for row in rows]

    def _judged(
        self, problems: Mapping[str, Mapping[str, Any]], solutions: Sequence[Mapping[str, Any]], all_tests: bool
    ) -> list[dict[str, Any]]:
        """Verdicts of the solutions of one request, which is sent again for those without one."""
        rows: list[dict[str, Any] | None] = [None] * len(solutions)
        deadline, pause_s = time.monotonic() + self.patience_s, 0.5
        while missing := [place for place, row in enumerate(rows) if row is None]:
            wanted = {str(solutions[place]["problem_id"]) for place in missing}
            body = {
                "problems": [problems[name] for name in sorted(wanted) if name in problems],
                "solutions": [{**solutions[place], "solution_id": str(place)} for place in missing],
                "all_tests": all_tests, "tests": False,
            }  # fmt: skip
            status, answer, wait_s = self._post("/verify", body)
            found = answer.get("verdicts") if isinstance(answer, dict) else None
            for place, row in _by_place(found, missing):
                rows[place] = row
                deadline, pause_s = time.monotonic() + self.patience_s, 0.5
            said = str(answer.get("detail", "")) if isinstance(answer, dict) else str(answer)
            if status == 413 and len(missing) > 1:  # large suites: in two requests
                half = [solutions[place] for place in missing]
                middle = len(half) // 2
                parts = [self._judged(problems, part, all_tests) for part in (half[:middle], half[middle:])]
                for place, row in zip(missing, [row for part in parts for row in part], strict=True):
                    rows[place] = row
                continue
            if status != 200 and status not in AGAIN:
                raise RewardRefused(f"the reward server says {status}: {said[:1000]}")
            if status == 200 and None in rows:
                raise RewardUnavailable(f"the reward server left out a verdict: {said[:1000]}")
            if None in rows:
                wait_s = min(max(wait_s, pause_s), LONGEST_WAIT_S) * random.uniform(0.7, 1.3)
                if time.monotonic() + wait_s > deadline:
                    raise RewardUnavailable(f"no verdict within {self.patience_s:g} s: {said[:1000] or status}")
                time.sleep(wait_s)
                pause_s *= 2
        return [row for row in rows if row is not None]

    def _post(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any, float]:
        """Status, answer, and the seconds that the server wants us to wait. A connection that fails counts as 503."""
        address, headers = self._address()
        data = json.dumps(body).encode("utf-8", "replace")
        request = urllib.request.Request(address + path, data, {"Content-Type": "application/json", **headers})
        try:
            with _OPENER.open(request, timeout=self.request_s) as reply:
                return reply.status, json.loads(reply.read()), 0.0
        except urllib.error.HTTPError as error:
            with error:
                said = error.read()
            asked_to_wait = error.headers.get("Retry-After", "")
            return error.code, _json_or_text(said), float(asked_to_wait) if asked_to_wait.isdigit() else 0.0
        except (OSError, ValueError, http.client.HTTPException) as error:  # also an answer that is cut off
            return 503, f"{address}: {type(error).__name__}: {error}", 0.0

    def _address(self) -> tuple[str, dict[str, str]]:
        """The server's address without what it holds of a password, and the header that shows the token."""
        url = urllib.parse.urlsplit((self.url or os.environ.get("OCR_REWARDS_URL", "").strip() or URL).rstrip("/"))
        if url.scheme not in ("http", "https") or not url.hostname:
            raise RewardRefused("the reward server's address has to be like http://host:8600")
        token = self.token or os.environ.get("OCR_SERVE_TOKEN", "").strip() or url.password or ""
        address = urllib.parse.urlunsplit((url.scheme, url.netloc.rpartition("@")[2], url.path, "", ""))
        return address, {"Authorization": f"Bearer {token}"} if token else {}


@dataclass(frozen=True)
class Score:
    """What a verdict is worth. An accepted solution gets 1 where the verdict is to be trusted and ``untrusted`` where it is not
    (the tests shared a process with the program, or its own ``==`` decided): what is not proof would be learned as a trick.
    ``partial``: others get this times the share of tests that they passed, and of that ``untrusted`` where passing them is no
    proof either: to forge most of the tests must not pay more than to forge all."""

    untrusted: float = 0.0
    partial: float = 0.0

    def of(self, row: Mapping[str, Any]) -> float:
        """The reward of a row of the server. Raises ``RewardUnavailable`` where it is no verdict."""
        verdict = row.get("verdict")
        proof = 1.0 if row.get("trusted") is True else self.untrusted
        if verdict == "accepted":
            return proof
        if not isinstance(verdict, str) or verdict == "sandbox_error":
            raise RewardUnavailable(f"no verdict: {row.get('message')}")
        if not self.partial or verdict in ("suspect", "ungradable") or not row.get("tests_total"):
            return 0.0
        return proof * self.partial * float(row["tests_passed"]) / float(row["tests_total"])


class CodeReward:
    """A reward function of TRL (``GRPOTrainer`` and others): 1 for a right program, 0 for a wrong one or none.

    Columns of the rows: ``problem``, an object of docs/grading.md, §2 (or its JSON) or the id of one that the server holds;
    ``language``, python where it is absent. ``on_fault``: "raise", or "none": completions without a verdict get None, which
    TRL leaves out of the loss where no other function rewards them.
    """

    def __init__(
        self,
        server: RewardServer | None = None,
        score: Score | None = None,
        *,
        problem: str = "problem",
        on_fault: Literal["raise", "none"] = "raise",
        name: str = "code_reward",
    ) -> None:
        self.__name__ = name  # by which TRL logs it
        self._server, self._score, self._problem, self._on_fault = server or RewardServer(), score or Score(), problem, on_fault

    def __call__(self, completions: Sequence[Any], **columns: Any) -> list[float | None]:
        if self._problem not in columns:
            raise RewardRefused(f"the rows have no column {self._problem!r} with the problem and its tests")
        given = columns[self._problem]
        languages = columns.get("language") or ["python"] * len(completions)
        problems: dict[str, Mapping[str, Any]] = {}
        solutions = []
        for completion, problem, language in zip(completions, given, languages, strict=True):
            name = _named(problem, problems)
            solutions.append({"problem_id": name, "language": language or "python", **_answer(completion)})
        try:
            rows = self._server.verdicts(list(problems.values()), solutions, all_tests=bool(self._score.partial))
        except RewardUnavailable:
            if self._on_fault == "raise":
                raise
            return [None] * len(solutions)
        return [self._score.of(row) for row in rows]


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    url: str | None = None,
    untrusted: float = 0.0,
    partial: float = 0.0,
    patience_s: float = 1800.0,
    **others: Any,
) -> dict[str, float]:
    """verl's custom reward function: one request a completion, ``{"score", "acc"}``.

    The problem is ``extra_info["problem"]``, else ``ground_truth``: an object of docs/grading.md, §2, or verl's own ``inputs``,
    ``outputs`` (and ``fn_name``), or ``assert_case``; as such or as JSON. ``extra_info["language"]``: python if absent. The
    keywords are ``custom_reward_function.reward_kwargs`` of verl's configuration.
    """
    extra = extra_info or {}
    problems: dict[str, Mapping[str, Any]] = {}
    name = _named(extra["problem"] if extra.get("problem") is not None else ground_truth, problems)
    solution = {"problem_id": name, "language": extra.get("language") or "python", **_answer(solution_str)}
    server, score = RewardServer(url, patience_s=patience_s), Score(untrusted, partial)
    [row] = server.verdicts(list(problems.values()), [solution], all_tests=bool(partial))
    return {"score": score.of(row), "acc": float(row["verdict"] == "accepted")}


def problem_of_verl(truth: Mapping[str, Any]) -> dict[str, Any]:
    """verl's tests as a problem: ``assert_case``, code that must not raise; ``fn_name``, a function whose inputs are JSON, one
    argument a line (or a list of them), and whose outputs are JSON or a text; else stdin and stdout. Raises ``RewardRefused``."""
    cases = truth.get("assert_case")
    inputs, outputs, name = truth.get("inputs"), truth.get("outputs"), truth.get("fn_name")
    if isinstance(cases, list) and cases and (not inputs or any(cases)):
        return {"tests": [{"kind": "assert", "code": str(case)} for case in cases]}
    if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs) or None in outputs:
        raise RewardRefused("inputs and outputs have to be lists of one length, and no output may be null")
    if not name:
        pairs = [(_text(given), _text(expected)) for given, expected in zip(inputs, outputs, strict=True)]
        return {"tests": [{"kind": "stdin", "input": given, "output": expected} for given, expected in pairs]}
    expected = [_json_or_text(value) if isinstance(value, str) else value for value in outputs]
    nested = all(isinstance(given, list) for given in inputs) and all(isinstance(one, list) and len(one) == 1 for one in expected)
    return {
        "tests": [
            {"kind": "call", "entry_point": str(name), "args": _arguments(given), "expected": value,
             "expected_may_be_nested": nested}
            for given, value in zip(inputs, expected, strict=True)
        ]
    }  # fmt: skip


def _named(problem: Any, problems: dict[str, Mapping[str, Any]]) -> str:
    """The name under which a problem is sent, after putting it into ``problems``, or that by which the server holds it."""
    text = problem if isinstance(problem, str) else json.dumps(problem, sort_keys=True, default=lambda array: array.tolist())
    if not text.lstrip().startswith("{"):
        return text  # the id of one that the server holds
    name = "sent:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    if name not in problems:
        value = _json_or_text(text)
        if not isinstance(value, dict):
            raise RewardRefused(f"the problem is no JSON: {text[:200]}")
        if "tests" not in value:
            value = problem_of_verl(value)
        problems[name] = {**value, "problem_id": name}
    return name


def _answer(completion: Any) -> dict[str, Any]:
    """A completion as the server takes it: a text, or the assistant's last message, with its reasoning where that is apart."""
    if isinstance(completion, str):
        return {"completion": completion.encode("utf-8", "replace").decode()}
    said = [message for message in completion if message.get("role", "assistant") == "assistant"]
    if not said:
        return {"completion": ""}
    content = said[-1].get("content")
    if isinstance(content, list):  # parts of a message
        content = "".join(part.get("text") or "" for part in content if isinstance(part, Mapping))
    reasoning = said[-1].get("reasoning_content") or said[-1].get("reasoning")
    return {"completion": content or "", **({"reasoning": reasoning} if reasoning else {})}


def _by_place(rows: Any, missing: Iterable[int]) -> list[tuple[int, dict[str, Any]]]:
    """The verdicts among the rows of an answer, by their places among the solutions."""
    places = {str(place): place for place in missing}
    found = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    named = [(places.get(str(row.get("solution_id"))), row) for row in found]
    return [
        (place, row)
        for place, row in named
        if place is not None and isinstance(row.get("verdict"), str) and row["verdict"] != "sandbox_error"
    ]


def _arguments(given: Any) -> list[Any]:
    if isinstance(given, str):
        return [_json_or_text(line) for line in given.split("\n") if line.strip()]
    return given if isinstance(given, list) else [given]


def _text(value: Any) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def _json_or_text(value: str | bytes) -> Any:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The token is for one server."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


# Asked directly: a proxy that the environment names is for the world outside.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)

__all__ = ["CodeReward", "RewardRefused", "RewardServer", "RewardUnavailable", "Score", "compute_score", "problem_of_verl"]
