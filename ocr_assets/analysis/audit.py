"""What a buyer of a published dataset would want to know, as Markdown with plots: SQL over a lake that has read and judged it.

Every text of the dataset that is shown passes through ``cell``: names, reasons and ids come from strangers. How the lake is
filled is the matter of ``ocr_assets/cli/audit.py``.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ocr_assets import samples
from ocr_assets.platform import plots
from ocr_assets.platform.visible import visible
from resources.lake import Lake

NOT_COMPARED = (
    "**Not compared with any public benchmark**, so nothing is said of contamination: set OCR_BENCHMARKS=hub, or to a folder of "
    "benchmark files, and run the audit again."
)
LONGEST_CELL = 120  # characters
_MARKS = re.compile(r"([\\`*_{}\[\]#!|~$@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)

# A triplet for every response that has code or not; a response is of the dataset whose rows it came from.
_AUDITED = """
(SELECT DISTINCT ON (t.solution_id) t.*, s.parses, l.dataset AS published_as, l.correct, l.judgement, l.solution_hash,
    c.response_tokens
FROM verified_triplets t JOIN solutions s USING (solution_id) JOIN published_labels l ON l.response_id = t.response_id
LEFT JOIN token_counts c ON c.triplet_id = t.triplet_id
ORDER BY t.solution_id, l.published_id)
"""
_STATE = """
CASE WHEN verdict = 'accepted' AND trusted THEN 'accepted' WHEN verdict = 'accepted' THEN 'accepted, untrusted'
     WHEN verdict IN ('sandbox_error', 'ungradable') OR verdict IS NULL THEN 'not judged'
     WHEN trusted THEN 'wrong' ELSE 'wrong, untrusted' END
"""

ROWS = """
SELECT dataset, (SELECT coalesce(sum(f.taken), 0)::BIGINT FROM published_files f WHERE f.dataset = l.dataset) AS rows_read,
    count(*) FILTER (row >= 0) AS distinct_rows, count(response_id) AS matched, count(DISTINCT response_id) AS distinct_answers,
    count(DISTINCT problem_id) AS problems, count(*) FILTER (row < 0) AS unreadable_files
FROM published_labels l GROUP BY dataset ORDER BY dataset
"""
LEFT_OUT = """
SELECT dataset, split_part(reason, ':', 1) AS reason, count(*) AS rows, any_value(reason) AS example
FROM published_labels WHERE reason IS NOT NULL GROUP BY ALL ORDER BY rows DESC, dataset, reason LIMIT 30
"""
PARSED = """
SELECT CASE WHEN s.parses = false THEN 'syntax error' ELSE s.parse_status END AS parsed, count(*) AS rows
FROM solutions s SEMI JOIN published_labels l ON l.response_id = s.response_id GROUP BY ALL ORDER BY rows DESC, parsed
"""
VERDICTS = f"""
SELECT source, count(*) AS answers, round(100 * avg((parses IS TRUE)::INT), 1) AS parses,
    round(100 * avg((state = 'accepted')::INT), 1) AS accepted, round(100 * avg((state = 'wrong')::INT), 1) AS wrong,
    round(100 * avg((state LIKE '%untrusted')::INT), 1) AS untrusted,
    round(100 * avg((state = 'not judged')::INT), 1) AS not_judged
FROM (SELECT *, {_STATE} AS state FROM {_AUDITED}) GROUP BY ROLLUP (source) ORDER BY source IS NULL, answers DESC, source LIMIT 60
"""
REASONS = f"""
SELECT coalesce(verdict, 'no verdict') AS verdict, regexp_replace(split_part(reason, ':', 1), ' on test.*', '') AS reason,
    count(*) AS answers FROM {_AUDITED} GROUP BY ALL ORDER BY answers DESC, verdict, reason LIMIT 30
"""
DISAGREEMENT = f"""
SELECT published_as AS dataset,
    CASE WHEN correct THEN 'right' WHEN correct IS NOT NULL THEN 'wrong' WHEN judgement IS NOT NULL THEN 'critic: ' || judgement
         ELSE 'nothing' END AS they_say,
    {_STATE} AS we_find, count(*) AS answers
FROM {_AUDITED} GROUP BY ALL ORDER BY dataset, they_say, answers DESC, we_find
"""
# Only what both call right or wrong, and we with trust, can disagree.
COMPARED = f"""
SELECT count(*) AS compared, count(*) FILTER (correct <> (verdict = 'accepted')) AS disagreeing
FROM {_AUDITED} WHERE correct IS NOT NULL AND trusted AND verdict NOT IN ('sandbox_error', 'ungradable')
"""
DISAGREEING = f"""
SELECT response_id, source, correct AS they_say_right, verdict, reason
FROM {_AUDITED} WHERE correct IS NOT NULL AND trusted AND verdict NOT IN ('sandbox_error', 'ungradable')
    AND correct <> (verdict = 'accepted') ORDER BY response_id LIMIT 20
"""
OTHER_CODE = f"""
SELECT count(*) AS compared,
    count(*) FILTER (solution_hash <> md5(trim(solution, chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || ' '))) AS other
FROM {_AUDITED} WHERE solution_hash IS NOT NULL AND solution IS NOT NULL
"""
SAME_CODE = f"""
SELECT count(*) AS answers, count(DISTINCT (problem_id, md5(solution))) AS distinct_codes
FROM {_AUDITED} WHERE solution IS NOT NULL
"""
CONTAMINATION = """
SELECT coalesce(c.contamination, e.reason, 'not decided') AS decision, count(DISTINCT l.problem_id) AS problems,
    count(*) AS answers
FROM (SELECT DISTINCT problem_id, response_id FROM published_labels WHERE response_id IS NOT NULL) l
LEFT JOIN clean_problems c USING (problem_id)
LEFT JOIN (SELECT parent, any_value(reason) AS reason FROM record_edge
           WHERE stage = 'clean_problems' AND relation = 'dropped' GROUP BY parent) e ON e.parent = l.problem_id
GROUP BY ALL ORDER BY answers DESC, decision LIMIT 30
"""
BENCHMARKS = "SELECT benchmark, count(*) AS items FROM benchmark_items GROUP BY ALL ORDER BY benchmark"
TOKENS = f"""
SELECT source, count(*) AS answers, quantile_cont(response_tokens, 0.5)::BIGINT AS median,
    quantile_cont(response_tokens, 0.95)::BIGINT AS p95, max(response_tokens) AS longest, sum(response_tokens)::BIGINT AS total,
    round(100 * avg((response_tokens <= 16384)::INT), 1) AS within_16k,
    round(100 * avg((response_tokens <= 32768)::INT), 1) AS within_32k
FROM {_AUDITED} GROUP BY ROLLUP (source) ORDER BY source IS NULL, answers DESC, source LIMIT 60
"""
LICENCES = f"""
SELECT coalesce(response_license, 'unknown') AS answer, license AS question, count(*) AS answers
FROM {_AUDITED} GROUP BY ALL ORDER BY answers DESC, answer, question LIMIT 30
"""
IN_ALL = f"""
SELECT count(*) AS answers, count(*) FILTER (state = 'accepted') AS accepted, count(*) FILTER (state = 'wrong') AS wrong
FROM (SELECT {_STATE} AS state FROM {_AUDITED})
"""
BY_SOURCE = f"SELECT source AS value, verdict, count(*) AS rows FROM {_AUDITED} GROUP BY ALL ORDER BY ALL"
LENGTHS = (
    f"SELECT response_tokens FROM {_AUDITED} WHERE response_tokens IS NOT NULL USING SAMPLE reservoir(100000 ROWS) REPEATABLE (1)"
)


def write_audit(store: Lake, address: str, folder: Path, share: float = 1.0) -> Path:
    """Write the page audit.md and its plots into ``folder``; returns the page. ``address``: what is audited, ``share``: of it."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = _plots(store)
    for name, png in drawn.items():
        (folder / f"{name}.png").write_bytes(png)
    page = folder / "audit.md"
    page.write_text(markdown(store, address, share, list(drawn)), encoding="utf-8")
    return page


def markdown(store: Lake, address: str, share: float, pictures: Sequence[str]) -> str:
    """The page. ``pictures``: names of the plots that lie beside it."""
    compared, other, same = (store.rows(query)[0] for query in (COMPARED, OTHER_CODE, SAME_CODE))
    benchmarks = store.rows(BENCHMARKS)
    compared_with_public = {row["benchmark"] for row in benchmarks} - samples.BENCHMARK_NAMES
    against = ", ".join(f"{cell(row['benchmark'])} ({row['items']:,} items)" for row in benchmarks) or "nothing"
    parts = [
        f"# Audit of {cell(address)}",
        _in_short(store, share),
        "" if compared_with_public else NOT_COMPARED,
        _section("Rows", store.rows(ROWS), "Rows that say the same are counted once; an answer counts once for a problem."),
        _section("Rows that became no answer", store.rows(LEFT_OUT)),
        _section("Parsing", store.rows(PARSED), "`ok`: reasoning, then a block of code that parses."),
        _section(
            "Verdicts by source",
            store.rows(VERDICTS),
            "Percent of answers. Untrusted: the suite is broken, several answers are right and no checker came, or the program "
            "shared a process with the tests. The last line is all sources together.",
        ),
        _picture("verdicts", pictures),
        _section("Why", store.rows(REASONS)),
        _section(
            "Their labels and our verdicts",
            store.rows(DISAGREEMENT),
            f"Of {compared['compared']:,} answers that the dataset calls right or wrong and that we judged with trust, "
            f"{compared['disagreeing']:,} ({_percent(compared['disagreeing'], compared['compared'])}) are labelled otherwise "
            "than we find.",
        ),
        _section("The first that disagree", store.rows(DISAGREEING), "`ocr-assets lineage trace <response_id>` shows each."),
        f"## Their code and ours\n\nOf {other['compared']:,} answers whose code the dataset took out, {other['other']:,} "
        f"({_percent(other['other'], other['compared'])}) have other code than we find in the same answer.",
        f"## Duplicates\n\n{same['answers']:,} answers hold {same['distinct_codes']:,} distinct programs (by text, per problem).",
        _section("Contamination", store.rows(CONTAMINATION), f"Compared with {against}. Decisions on the answers' problems."),
        _section("Tokens", store.rows(TOKENS), "Of the whole response; percent within budgets."),
        _picture("tokens", pictures),
        _section("Licences", store.rows(LICENCES), "Of answer and question. What they allow is for a person to say."),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def cell(value: Any) -> str:
    """A value as text in a Markdown table: what a stranger wrote shows as it is, and is no mark, tag, link or line break."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:g}"
    text = " ".join(visible(str(value)).split())
    if len(text) > LONGEST_CELL:
        text = text[: LONGEST_CELL - 1] + "…"
    return html.escape(_MARKS.sub(r"\\\1", text), quote=False)


def _in_short(store: Lake, share: float) -> str:
    total = store.rows(IN_ALL)[0]
    rows = store.scalar("SELECT count(*) FROM published_labels WHERE row >= 0")
    matched = store.scalar("SELECT count(response_id) FROM published_labels")
    sampled = f" of a share of {share:g}" if share < 1 else ""
    return (
        f"{rows:,} distinct rows{sampled}: {matched:,} ({_percent(matched, rows)}) belong to a problem that is known. Of "
        f"{total['answers']:,} distinct answers to problems that are clean, {total['accepted']:,} "
        f"({_percent(total['accepted'], total['answers'])}) are accepted with trust and {total['wrong']:,} "
        f"({_percent(total['wrong'], total['answers'])}) are wrong with trust."
    )


def _section(title: str, rows: Sequence[Mapping[str, Any]], words: str = "") -> str:
    told = f"## {title}\n\n" + (f"{words}\n\n" if words else "")
    if not rows:
        return f"{told}None."
    names = list(rows[0])
    head = f"| {' | '.join(name.replace('_', ' ') for name in names)} |\n|{'---|' * len(names)}\n"
    return told + head + "\n".join(f"| {' | '.join(_named(name, row[name]) for name in names)} |" for row in rows)


def _named(column: str, value: Any) -> str:
    return "all" if column == "source" and value is None else cell(value)


def _picture(name: str, pictures: Sequence[str]) -> str:
    return f"![{name}]({name}.png)" if name in pictures else ""


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"


def _plots(store: Lake) -> dict[str, bytes]:
    drawn: dict[str, bytes] = {}
    if by_source := store.rows(BY_SOURCE):
        shown = [{**row, "value": visible(row["value"])[:30].replace("$", "")} for row in by_source]
        drawn["verdicts"] = plots.stacked_verdicts(shown, "Verdicts by source", "answers")
    if lengths := [row["response_tokens"] for row in store.rows(LENGTHS)]:
        drawn["tokens"] = plots.histogram(lengths, "Length of the responses", "tokens")
    return drawn
