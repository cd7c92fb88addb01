"""What the page of ``critiques`` shows: the judgements against verdicts, and pictures of them."""

from __future__ import annotations

from ocr_assets.platform import plots
from resources.lake import Lake

CONFUSION = """
SELECT grouping, value, right_passes AS "right, passes", right_fails AS "right, fails", wrong_passes AS "wrong, passes",
       wrong_fails AS "wrong, fails", no_judgement AS "no judgement", no_verdict AS "no verdict", round(accuracy, 3) AS accuracy,
       round(precision, 3) AS precision, round(recall, 3) AS recall, round(correlation, 3) AS correlation,
       choices, round(selected_pass, 3) AS "selected pass", round(average_pass, 3) AS "average pass"
FROM critic_accuracy ORDER BY grouping <> 'all', grouping, value"""
_ACCURACY = """
SELECT value AS name, 100 * accuracy AS value, 100 * low AS low, 100 * high AS high FROM critic_accuracy
WHERE accuracy IS NOT NULL ORDER BY grouping <> 'all', grouping, value LIMIT 40"""
_CHOICE = """
SELECT value, 100 * average_pass AS "at random", 100 * selected_pass AS selected, 100 * best_pass AS best FROM critic_accuracy
WHERE choices > 0 AND grouping IN ('all', 'source') ORDER BY grouping <> 'all', value LIMIT 20"""


def pictures(store: Lake) -> dict[str, bytes]:
    """Title → PNG: accuracy with intervals, and what choosing an answer by critiques is worth."""
    shown: dict[str, bytes] = {}
    if rows := store.rows(_ACCURACY):
        shown["accuracy of the critic"] = plots.intervals(rows, "Judgements that agree with the verdict", "percent")
    if rows := store.rows(_CHOICE):
        title = "Problems whose chosen answer passes, %"
        shown["selection by critiques"] = plots.shares(rows, "value", ["at random", "selected", "best"], title)
    return shown


__all__ = ["CONFUSION", "pictures"]
