"""What to ask: the difference between what the settings want and what the lake holds, taken in SQL.

Wanted are problem × language × sample for the prompt as it would be sent, the model and the sampling. Asking and keeping is
``collect.py``; how many samples a problem is worth is a policy of ``ocr_assets/generation/sampling.py``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import duckdb
import pyarrow as pa

from ocr_assets.generation.answers import sampling_json, seed_of
from ocr_assets.generation.prompts import PromptTemplate, prompt_hash
from ocr_assets.generation.prompts.solving import solution_prompt, template_name
from ocr_assets.generation.sampling import Fixed, SampleCounts, SamplingPolicy
from ocr_assets.schema import Language, content_id
from resources.lake import Lake
from resources.models.api import ChatRequest, Message, Sampling

_CANDIDATES = pa.schema([(name, pa.string()) for name in ("problem_id", "language", "template_hash", "prompt_hash")])
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

MISSING = """
CREATE OR REPLACE TEMP TABLE missing AS
SELECT w.problem_id, w.language, w.sample_index
FROM (SELECT * EXCLUDE (samples), unnest(range(samples)) AS sample_index FROM wanted) w
ANTI JOIN (SELECT * FROM r1_traces WHERE model = $model AND sampling = $sampling
           AND NOT list_contains($ask_again::VARCHAR[], coalesce(failure, ''))) r
ON r.problem_id = w.problem_id AND r.language = w.language AND r.template_hash = w.template_hash
   AND r.prompt_hash = w.prompt_hash AND r.sample_index = w.sample_index
"""

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


@dataclass(frozen=True)
class Plan:
    """What is wanted in all, how much of that is missing, and the missing requests, lazily."""

    wanted: int
    missing: int
    requests: Iterable[Planned]


@contextlib.contextmanager
def plan(store: Lake, wanted: Wanted) -> Iterator[Plan]:
    """The plan for ``clean_problems`` as they are now. Memory does not grow with what the lake holds.

    A response's id is the hash of problem, prompt, model, sampling, language and sample index: raising the number of samples
    asks for the additional ones only; changing anything else asks anew.
    """
    identity = {"model": wanted.model, "sampling": wanted.sampling_json}
    with contextlib.closing(store.cursor()) as cursor:
        _stage(cursor, "candidates", _CANDIDATES, _candidates(store, wanted))
        if all(isinstance(policy, Fixed) for policy in wanted.attempts.values()):
            standings: Iterable[Mapping[str, Any]] = _rows(cursor, "FROM candidates")
        else:
            standings = _rows(cursor, STANDING, identity)
        schema = _CANDIDATES.append(pa.field("samples", pa.int64()))
        # Drawn whole before the next statement on this cursor: one small row a prompt, not a sample.
        _stage(cursor, "wanted", schema, list(_with_samples(standings, wanted)))
        cursor.execute(MISSING, {**identity, "ask_again": list(wanted.ask_again)})
        total, missing = (
            _one(cursor, "SELECT coalesce(sum(samples), 0) FROM wanted"),
            _one(cursor, "SELECT count(*) FROM missing"),
        )
        yield Plan(total, missing, _requests(_rows(cursor, TO_ASK), wanted))


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
