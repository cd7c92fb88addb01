"""Settings as SQL over ``verified_triplets``: which triplets a release holds, and the reason for every one left out.

The same for problems is in ``problems.py``, for synthetic triplets in ``kodcode.py``. Reasons that begin with ``filter:`` are
decisions of the release's settings, shown in the funnel and on the card.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ocr_assets.exports.settings import PreferenceSettings, ReleaseSettings
from resources.lake.tables import Table

_ORDER = {
    "first": "r.sample_index",
    "shortest": "c.response_tokens",
    "longest": "-c.response_tokens",
    "fastest": "v.cpu_s",
}
FAILED = "('wrong_answer', 'time_limit', 'idle_limit', 'memory_limit', 'output_limit', 'runtime_error', 'compile_error')"
# The problems' share of judged programs that passed. What is no verdict, and what only looks right, is not counted.
SOLVE_RATES = f"""
SELECT problem_id, count(*) AS judged, avg((verdict = 'accepted')::INT) AS solve_rate
FROM verified_triplets WHERE verdict = 'accepted' OR verdict IN {FAILED} GROUP BY problem_id"""


@dataclass(frozen=True)
class Profile:
    """The form of a release.

    ``table``: its columns. ``columns``: the SELECT list that makes them, all but ``id``, over t (``verified_triplets``),
    s (``solutions``), r (``r1_traces``), p (``clean_problems``), c (``token_counts``) and what ``joins`` adds. ``id_prefix``:
    what ids of its rows begin with. ``dropped``: more reasons to leave a triplet out, as WHEN … THEN ….
    """

    table: Table
    columns: str
    id_prefix: str
    joins: str = ""
    dropped: tuple[str, ...] = ()

    @property
    def id_sql(self) -> str:
        """The id of a released row, from its triplet's: the same in every release of this profile."""
        return f"'{self.id_prefix}_' || left(md5('{self.table.name}' || t.triplet_id), 20)"


def text(value: str) -> str:
    """A text as SQL."""
    return "'" + value.replace("'", "''") + "'"


def texts(values: Sequence[str]) -> str:
    """Texts as a list of SQL, for IN and NOT IN, also where there are none."""
    return "(" + (", ".join(map(text, values)) or "SELECT '' WHERE false") + ")"


def asked_of_problems(settings: Any) -> list[str]:
    """Reasons (WHEN … THEN …) of what is asked of a row's problem, over t: problem_id, license, suite_tpr, suite_tnr and
    tests_total. ``settings``: of triplets or of problems."""
    reasons = []
    for wanted, contamination in ((settings.undecided, "undecided"), (settings.reported, "reported")):
        if not wanted:
            found = f"SELECT problem_id FROM clean_problems WHERE contamination = '{contamination}'"
            reasons.append(f"WHEN t.problem_id IN ({found}) THEN 'filter: contamination {contamination}'")
    if settings.licenses is not None:
        reasons.append(f"WHEN t.license NOT IN {texts(settings.licenses)} THEN 'filter: licence ' || t.license")
    if settings.min_tests > 0:
        reasons.append(f"WHEN t.tests_total < {settings.min_tests} THEN 'filter: fewer than {settings.min_tests} tests'")
    for name, least in (("suite_tpr", settings.min_suite_tpr), ("suite_tnr", settings.min_suite_tnr)):
        if least > 0:
            reasons.append(f"WHEN t.{name} IS NULL THEN 'filter: {name} not known'")
            reasons.append(f"WHEN t.{name} < {least} THEN 'filter: {name} below {least}'")
    if settings.min_solve_rate > 0 or settings.max_solve_rate < 1:
        judged = f"SELECT problem_id FROM ({SOLVE_RATES})"
        reasons.append(f"WHEN t.problem_id NOT IN ({judged}) THEN 'filter: solve_rate not known'")
        beyond = f"WHERE solve_rate < {settings.min_solve_rate} OR solve_rate > {settings.max_solve_rate}"
        band = f"{settings.min_solve_rate} to {settings.max_solve_rate}"
        reasons.append(f"WHEN t.problem_id IN ({judged} {beyond}) THEN 'filter: solve_rate not in {band}'")
    if (most := settings.max_question_tokens) is not None:
        longer = f"SELECT problem_id FROM clean_problems WHERE question_tokens > {most}"
        reasons.append(f"WHEN t.problem_id IN ({longer}) THEN 'filter: question longer than {most} tokens'")
    return reasons


def labelled(settings: ReleaseSettings | PreferenceSettings, dropped: Sequence[str] = ()) -> str:
    """SELECT of all triplets: the columns of ``verified_triplets`` and ``dropped``, why one is left out, or null. The argument
    ``dropped``: more reasons."""
    reasons = [f"WHEN t.language NOT IN {texts(settings.languages)} THEN 'filter: language ' || t.language"]
    if isinstance(settings, ReleaseSettings):
        if settings.keep == "accepted":
            reasons.append("WHEN t.verdict IS DISTINCT FROM 'accepted' THEN 'filter: not accepted'")
        if settings.keep == "rejected":
            reasons.append(f"WHEN t.verdict IS NULL OR t.verdict NOT IN {FAILED} THEN 'filter: not rejected'")
        if settings.min_pass_rate > 0 or settings.max_pass_rate < 1:
            band = f"{settings.min_pass_rate} AND {settings.max_pass_rate}"
            reasons.append("WHEN t.pass_rate IS NULL THEN 'filter: pass_rate not known'")
            reasons.append(f"WHEN t.pass_rate NOT BETWEEN {band} THEN 'filter: pass_rate not in {band.replace(' AND ', ' to ')}'")
    if settings.trusted_only:
        reasons.append("WHEN NOT t.trusted THEN 'filter: verdict not trusted'")
    reasons += asked_of_problems(settings)
    if settings.licenses is not None:  # an answer that nobody else published has none, and needs none
        licence = "coalesce(t.response_license, 'not known')"
        foreign = f"t.response_origin IS NOT NULL AND {licence} NOT IN {texts(settings.licenses)}"
        reasons.append(f"WHEN {foreign} THEN 'filter: licence of the answer ' || {licence}")
    for name in ("reasoning", "response"):
        if (most := getattr(settings, f"max_{name}_tokens")) is not None:
            longer = f"SELECT triplet_id FROM token_counts WHERE {name}_tokens > {most}"
            reasons.append(f"WHEN t.triplet_id IN ({longer}) THEN 'filter: {name} longer than {most} tokens'")
    return f"SELECT t.*, CASE {' '.join([*reasons, *dropped])} END AS dropped FROM verified_triplets t"


def selection(settings: ReleaseSettings, dropped: Sequence[str] = ()) -> str:
    """``labelled``, with those dropped as well that others of their problem are preferred to."""
    query = labelled(settings, dropped)
    # Where rows compete, passing ones come first; what the preference leaves equal, the sample number and id decide.
    best = f"(t.verdict = 'accepted') IS NOT TRUE, {_ORDER[settings.prefer]} NULLS LAST, r.sample_index, t.triplet_id"
    if settings.distinct_code:
        same_code = "t.problem_id, t.language, md5(t.solution)"
        query = _best_of_each(query, same_code, best, 1, "t.solution IS NOT NULL", "same code as another")
    if settings.per_problem is not None:
        reason = f"beyond {settings.per_problem} a problem"
        query = _best_of_each(query, "t.problem_id, t.language", best, settings.per_problem, "true", reason)
    return query


def _best_of_each(query: str, group: str, order: str, count: int, among: str, reason: str) -> str:
    """``query`` with all rows beyond the first ``count`` of each group dropped; rows dropped before do not count."""
    return f"""
SELECT t.* REPLACE (CASE WHEN t.dropped IS NULL AND {among} AND count(*) FILTER (t.dropped IS NULL) OVER (
    PARTITION BY {group} ORDER BY {order} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
) > {count} THEN 'filter: {reason}' ELSE t.dropped END AS dropped)
FROM ({query}) t
JOIN r1_traces r USING (response_id) JOIN token_counts c USING (triplet_id) LEFT JOIN verdicts v USING (verdict_id)"""


def rows_query(profile: Profile, settings: ReleaseSettings) -> str:
    """SELECT of the released rows: columns of ``profile.table``."""
    return f"""
SELECT {profile.id_sql} AS id, {profile.columns}
FROM ({selection(settings, profile.dropped)}) t
JOIN solutions s USING (solution_id) JOIN r1_traces r ON r.response_id = t.response_id
JOIN clean_problems p ON p.problem_id = t.problem_id JOIN token_counts c ON c.triplet_id = t.triplet_id
{profile.joins}
WHERE t.dropped IS NULL
"""


def edges_query(profile: Profile, settings: ReleaseSettings, release: str) -> str:
    """SELECT of the lineage: a released row from its triplet, or the triplet dropped by ``release``, with its reason."""
    return f"""
SELECT CASE WHEN t.dropped IS NULL THEN {profile.id_sql} ELSE '{release}' END AS child, t.triplet_id AS parent,
       CASE WHEN t.dropped IS NULL THEN 'derived' ELSE 'dropped' END AS relation, coalesce(t.dropped, '') AS reason
FROM ({selection(settings, profile.dropped)}) t
"""


INDEX = "LEFT JOIN problems x ON x.problem_id = t.problem_id"  # for x.index: the problem's name within dataset and split
# Where a published answer was read, for readers elsewhere: of a folder on this machine only the file in it.
RESPONSE_ORIGIN = """CASE WHEN regexp_matches(t.response_origin, '^[^@]*@(hub|bundled):') THEN t.response_origin
    ELSE regexp_replace(t.response_origin, '@.*: ', ': ') END AS response_origin"""
