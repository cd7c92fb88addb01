"""What to ask: the difference between what the settings want and what the lake holds, taken in SQL.

Wanted are problem × language × sample for the prompt as it would be sent, the model and the sampling. Asking and keeping is
``collect.py``; how many samples a problem is worth is a policy of ``ocr_assets/generation/sampling.py``. Where a policy looks at
verdicts, the plan goes on while requests are asked: verdicts that came since lead to further ones.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import duckdb
import pyarrow as pa

from ocr_assets.generation.answers import sampling_json, seed_of
from ocr_assets.generation.prompts import PromptTemplate, prompt_hash
from ocr_assets.generation.prompts.solving import solution_prompt, template_name
from ocr_assets.generation.sampling import Fixed, SampleCounts, SamplingPolicy, UntilPassing
from ocr_assets.schema import Language, content_id
from resources.lake import Lake
from resources.models.api import ChatRequest, Message, Sampling

_CANDIDATES = pa.schema([(name, pa.string()) for name in ("problem_id", "language", "template_hash", "prompt_hash")])
LOOK_S = 10.0  # between two looks at what verdicts lead to; after a slow one, ten times what it took
PROBLEM = "problem_id, statement, starter_code, entry_point"

# How the samples of each prompt stand. A response without code is judged: it did not pass.
STANDING = """
SELECT c.problem_id, c.language, c.template_hash, c.prompt_hash, count(r.response_id) AS tried,
       count(*) FILTER (v.accepted) AS passed,
       count(*) FILTER (r.failure IS NULL AND r.response_id IS NOT NULL
                        AND (s.solution_id IS NULL OR (s.code IS NOT NULL AND v.solution_id IS NULL))) AS pending
FROM candidates c
LEFT JOIN r1_traces r ON r.problem_id = c.problem_id AND r.language = c.language AND r.template_hash = c.template_hash
     AND r.prompt_hash = c.prompt_hash AND r.model = $model AND r.sampling = $sampling
LEFT JOIN solutions s ON s.response_id = r.response_id
LEFT JOIN (SELECT j.solution_id, bool_or(j.verdict = 'accepted') AS accepted
           FROM verdicts j JOIN deduped_problems p ON p.problem_id = j.problem_id AND p.suite_id = j.suite_id
           WHERE j.verdict NOT IN ('sandbox_error', 'ungradable') GROUP BY ALL) v ON v.solution_id = s.solution_id
GROUP BY ALL
"""

# Those of them that are judged and may want more. What a policy makes of them is for the policy to say.
OPEN = f"""
SELECT s.* FROM ({STANDING}) s JOIN bounds b USING (language)
WHERE s.pending = 0 AND s.passed < b.passing AND s.tried BETWEEN b.first AND b.most - 1
"""
_BOUNDS = pa.schema([(name, pa.int64()) for name in ("passing", "first", "most")]).append(pa.field("language", pa.string()))

MISSING = """
CREATE OR REPLACE TEMP TABLE missing AS
SELECT w.problem_id, w.language, w.sample_index
FROM (SELECT * EXCLUDE (samples), unnest(range(samples)) AS sample_index FROM wanted) w
ANTI JOIN (SELECT * FROM r1_traces WHERE model = $model AND sampling = $sampling
           AND NOT list_contains($ask_again::VARCHAR[], coalesce(failure, ''))) r
ON r.problem_id = w.problem_id AND r.language = w.language AND r.template_hash = w.template_hash
   AND r.prompt_hash = w.prompt_hash AND r.sample_index = w.sample_index
"""

# What this run has planned it does not plan again, be it in flight, on its way into the lake, or left unanswered.
NOT_PLANNED = "DELETE FROM missing WHERE (problem_id, language, sample_index) IN (FROM planned)"
NOW_PLANNED = "INSERT INTO planned FROM missing"

# All samples of a problem together: a server that caches prefixes reads the prompt once.
TO_ASK = """
SELECT p.problem_id, p.statement, p.starter_code, p.entry_point, p.origins, m.samples
FROM (SELECT problem_id, list({'language': language, 'sample': sample_index}) AS samples FROM missing GROUP BY ALL) m
JOIN problems p USING (problem_id)
ORDER BY p.problem_id
"""


@dataclass(frozen=True)
class Wanted:
    """How many samples a problem in each language (by a policy), how they are drawn, from which model, by which prompts.

    ``ask_again``: labelled failures that count as missing.
    """

    attempts: Mapping[Language, SamplingPolicy]
    sampling: Sampling
    model: str
    templates: Mapping[str, PromptTemplate]
    ask_again: Sequence[str] = ()

    @property
    def sampling_json(self) -> str:
        """As stored with each response."""
        return sampling_json(self.sampling)


@dataclass(frozen=True)
class Planned:
    """A request and what identifies it in the lake."""

    request: ChatRequest
    problem_id: str
    language: Language
    sample_index: int
    template: PromptTemplate
    prompt_hash: str


@dataclass
class Plan:
    """What is wanted in all, how much of that was missing, and the missing requests, lazily.

    Where policies look at verdicts, ``requests`` may end and go on later: verdicts that came since it was made add to it, when it
    is drawn from or by ``look_again``. ``wanted`` and ``missing`` grow then.
    """

    wanted: int
    missing: int
    _first: Iterator[Planned]
    _looks: _Looks | None = None
    _further: Iterator[Planned] = field(default_factory=lambda: iter(()))

    @property
    def requests(self) -> Iterator[Planned]:
        return self

    @property
    def reads_verdicts(self) -> bool:
        """Whether verdicts can add to it."""
        return self._looks is not None

    def __iter__(self) -> Iterator[Planned]:
        return self

    def __next__(self) -> Planned:
        request = next(self._further, None)
        if request is None and self._looks is not None and self._looks.is_due:
            self.look_again()
            request = next(self._further, None)
        return request if request is not None else next(self._first)

    def look_again(self) -> int:
        """Add the requests that verdicts led to since the last look, if all that a look found before are drawn; how many."""
        if self._looks is None:
            return 0
        found, self._further = self._looks.look()
        self.wanted += found
        self.missing += found
        return found


class _Looks:
    """Looks at what verdicts that came meanwhile lead to. It has a connection of its own, so that the first plan's can stream."""

    def __init__(self, store: Lake, wanted: Wanted, planning: duckdb.DuckDBPyConnection) -> None:
        self._store, self._wanted = store, wanted
        self._cursor = store.cursor()
        bounds = [
            {"language": language, "passing": policy.passing, "first": policy.first, "most": policy.limit}
            for language, policy in wanted.attempts.items()
            if isinstance(policy, UntilPassing)
        ]
        _stage(self._cursor, "bounds", _BOUNDS, bounds)
        for table, name in (("candidates", "candidates"), ("missing", "planned")):
            self._cursor.register("copied", planning.execute(f"FROM {table}").to_arrow_reader(8192))
            self._cursor.execute(f"CREATE TEMP TABLE {name} AS FROM copied")
            self._cursor.unregister("copied")
        self._seen = self._versions()
        self._next = time.monotonic() + LOOK_S

    @property
    def is_due(self) -> bool:
        return time.monotonic() >= self._next

    def look(self) -> tuple[int, Iterator[Planned]]:
        """How many further requests there are, and the requests."""
        began = time.monotonic()
        found = 0
        requests: Iterator[Planned] = iter(())
        if (versions := self._versions()) != self._seen:
            self._seen = versions
            found = _find_missing(self._cursor, OPEN, self._wanted, NOT_PLANNED)
            self._cursor.execute(NOW_PLANNED)
            requests = _requests(_rows(self._cursor, TO_ASK), self._wanted) if found else requests
        self._next = time.monotonic() + max(LOOK_S, 10 * (time.monotonic() - began))
        return found, requests

    def close(self) -> None:
        self._cursor.close()

    def _versions(self) -> tuple[str, ...]:
        return tuple(self._store.version(table) for table in ("solutions", "verdicts"))


@contextlib.contextmanager
def plan(store: Lake, wanted: Wanted) -> Iterator[Plan]:
    """The plan for ``clean_problems`` as they are now. Memory does not grow with what the lake holds.

    A response's id is the hash of problem, prompt, model, sampling, language and sample index: raising the number of samples
    asks for the additional ones only; changing anything else asks anew.
    """
    with contextlib.ExitStack() as stack:
        cursor = stack.enter_context(contextlib.closing(store.cursor()))
        _stage(cursor, "candidates", _CANDIDATES, _candidates(store, wanted))
        reads_verdicts = not all(isinstance(policy, Fixed) for policy in wanted.attempts.values())
        missing = _find_missing(cursor, STANDING if reads_verdicts else "FROM candidates", wanted)
        total = _one(cursor, "SELECT coalesce(sum(samples), 0) FROM wanted")
        looks = stack.enter_context(contextlib.closing(_Looks(store, wanted, cursor))) if reads_verdicts else None
        yield Plan(total, missing, _requests(_rows(cursor, TO_ASK), wanted), looks)


def _find_missing(cursor: duckdb.DuckDBPyConnection, standings: str, wanted: Wanted, but: str | None = None) -> int:
    """Fill the tables ``wanted`` and ``missing`` from the prompts of a query; how many samples are missing. ``but``: a statement
    that takes some out of them."""
    identity = {"model": wanted.model, "sampling": wanted.sampling_json}
    rows = _rows(cursor, standings, identity if "$" in standings else None)
    # Drawn whole before the next statement on this cursor: one small row a prompt, not a sample.
    _stage(cursor, "wanted", _CANDIDATES.append(pa.field("samples", pa.int64())), list(_with_samples(rows, wanted)))
    cursor.execute(MISSING, {**identity, "ask_again": list(wanted.ask_again)})
    if but is not None:
        cursor.execute(but)
    return _one(cursor, "SELECT count(*) FROM missing")


def _candidates(store: Lake, wanted: Wanted) -> Iterator[dict[str, str]]:
    """Each prompt that may be sent: a problem in a language."""
    for problem in store.stream(f"SELECT {PROBLEM} FROM problems SEMI JOIN clean_problems USING (problem_id)", size=1024):
        for language in wanted.attempts:
            if prompt := _prompt(problem, language, wanted):
                template, messages = prompt
                yield {
                    "problem_id": problem["problem_id"],
                    "language": language,
                    "template_hash": template.hash,
                    "prompt_hash": prompt_hash(messages),
                }


def _prompt(problem: Mapping[str, Any], language: Language, wanted: Wanted) -> tuple[PromptTemplate, list[Message]] | None:
    name = template_name(problem, language)
    if name is None:
        return None
    template = wanted.templates[name]
    return template, solution_prompt(template, problem)


def _with_samples(rows: Iterable[Mapping[str, Any]], wanted: Wanted) -> Iterator[dict[str, Any]]:
    for row in rows:
        standing = SampleCounts(row.get("tried", 0), row.get("passed", 0), row.get("pending", 0))
        samples = wanted.attempts[row["language"]].wanted(standing)
        yield {**{name: row[name] for name in _CANDIDATES.names}, "samples": samples}


def _requests(problems: Iterable[Mapping[str, Any]], wanted: Wanted) -> Iterator[Planned]:
    for problem in problems:
        for sample in sorted(problem["samples"], key=lambda sample: (sample["language"] != "python", sample["sample"])):
            language, index = sample["language"], sample["sample"]
            prompt = _prompt(problem, language, wanted)
            assert prompt is not None, "planned only where there is a prompt"
            template, messages = prompt
            hashed = prompt_hash(messages)
            key = content_id(
                "resp", problem["problem_id"], template.hash, hashed, wanted.model, asdict(wanted.sampling), language, index
            )
            request = ChatRequest(
                key=key,
                messages=messages,
                sampling=wanted.sampling,
                seed=seed_of(key),
                think=True,
                aliases=[f"{origin}|{language}|{index}" for origin in problem["origins"]],
            )
            yield Planned(request, problem["problem_id"], language, index, template, hashed)


def _stage(cursor: duckdb.DuckDBPyConnection, name: str, schema: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> None:
    """A temporary table of the rows, filled in batches."""
    cursor.register("empty_batch", pa.Table.from_batches([], schema))
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM empty_batch")
    cursor.unregister("empty_batch")
    iterator = iter(rows)
    while part := list(islice(iterator, 8192)):
        cursor.register("staged_batch", pa.Table.from_pylist([dict(row) for row in part], schema=schema))
        cursor.execute(f"INSERT INTO {name} FROM staged_batch")
        cursor.unregister("staged_batch")


def _rows(cursor: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    for batch in cursor.execute(query, parameters).to_arrow_reader(256):
        yield from batch.to_pylist()


def _one(cursor: duckdb.DuckDBPyConnection, query: str) -> int:
    row: Sequence[Any] | None = cursor.execute(query).fetchone()
    assert row is not None
    return int(row[0])
