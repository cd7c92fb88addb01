"""Token counts of every triplet and their distributions.

``count_tokens`` is the only place that tokenizes; the distributions are one SQL query over its rows. Tokens are Qwen's,
since the papers train Qwen2.5 models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ocr_assets.schema import TokenCount

# What still has to be counted: a triplet's texts never change under its id, so a counted triplet stays counted.
UNCOUNTED = """
SELECT t.triplet_id, t.question, s.reasoning, t.solution,
       concat(r.reasoning, r.content) AS response
FROM verified_triplets t JOIN solutions s USING (solution_id) JOIN r1_traces r ON r.response_id = t.response_id
ANTI JOIN token_counts c ON c.triplet_id = t.triplet_id
"""

# quantile_disc: a count that really occurs, not an average of two.
DISTRIBUTIONS = """
WITH texts AS (
    UNPIVOT (SELECT triplet_id, question_tokens AS question, reasoning_tokens AS reasoning,
                    solution_tokens AS solution, response_tokens AS response FROM token_counts)
    ON question, reasoning, solution, response INTO NAME text VALUE tokens
), groups AS (
    SELECT triplet_id, unnest(['all', 'source', 'language', 'verdict']) AS grouping,
           unnest(['all', source, language, coalesce(verdict, 'no verdict')]) AS value
    FROM verified_triplets
)
SELECT grouping, value, text, count(*) AS rows, sum(tokens)::BIGINT AS total, avg(tokens) AS mean,
       min(tokens) AS minimum, quantile_disc(tokens, 0.05) AS p05, quantile_disc(tokens, 0.25) AS p25,
       quantile_disc(tokens, 0.5) AS p50, quantile_disc(tokens, 0.75) AS p75, quantile_disc(tokens, 0.95) AS p95,
       quantile_disc(tokens, 0.99) AS p99, max(tokens) AS maximum
FROM texts JOIN groups USING (triplet_id) GROUP BY grouping, value, text
"""


def count_tokens(
    rows: Iterable[Mapping[str, Any]], count: Callable[[Sequence[str]], Sequence[int]], batch: int = 512
) -> Iterator[TokenCount]:
    """Rows of ``UNCOUNTED`` in, one ``TokenCount`` each out. ``count`` gives the tokens of each of a batch of texts."""
    iterator = iter(rows)
    while chunk := list(islice(iterator, batch)):
        texts = [row[name] or "" for row in chunk for name in ("question", "reasoning", "solution", "response")]
        counts = count(texts)
        for position, row in enumerate(chunk):
            question, reasoning, solution, response = counts[4 * position : 4 * position + 4]
            yield {
                "triplet_id": row["triplet_id"],
                "question_tokens": question,
                "reasoning_tokens": reasoning,
                "solution_tokens": solution,
                "response_tokens": response,
            }
