"""A release as SQL: which triplets are in it, which are left out and why, and its rows in the columns of a profile."""

from __future__ import annotations

from dataclasses import dataclass

from ocr_assets.exports.settings import ReleaseSettings
from resources.lake.tables import Table

_ORDER = {
    "first": "r.sample_index",
    "shortest": "c.response_tokens",
    "longest": "-c.response_tokens",
    "fastest": "v.cpu_s",
}


@dataclass(frozen=True)
class Profile:
    """The form of a release.

    ``table``: its columns. ``columns``: the SELECT list that makes them, all but ``id``, over t (``verified_triplets``),
    s (``solutions``), r (``r1_traces``), p (``clean_problems``) and c (``token_counts``). ``id_prefix``: what ids of its rows
    begin with.
    """

    table: Table
    columns: str
    id_prefix: str

    @property
    def id_sql(self) -> str:
        """The id of a released row, from its triplet's: the same in every release of this profile."""
        return f"'{self.id_prefix}_' || left(md5('{self.table.name}' || t.triplet_id), 20)"


def selection(settings: ReleaseSettings) -> str:
    """SELECT of all triplets: the columns of ``verified_triplets`` and ``dropped``, why one is left out, or null."""
    languages = ", ".join(f"'{language}'" for language in settings.languages)
    reasons = [f"WHEN t.language NOT IN ({languages}) THEN 'filter: language ' || t.language"]
    if settings.keep == "accepted":
        reasons.append("WHEN t.verdict IS DISTINCT FROM 'accepted' THEN 'filter: not accepted'")
    if settings.trusted_only:
        reasons.append("WHEN NOT t.trusted THEN 'filter: verdict not trusted'")
    if not settings.undecided:
        undecided = "SELECT problem_id FROM clean_problems WHERE contamination = 'undecided'"
        reasons.append(f"WHEN t.problem_id IN ({undecided}) THEN 'filter: contamination undecided'")
    for name, least in (("suite_tpr", settings.min_suite_tpr), ("suite_tnr", settings.min_suite_tnr)):
        if least > 0:
            reasons.append(f"WHEN t.{name} IS NULL THEN 'filter: {name} not known'")
            reasons.append(f"WHEN t.{name} < {least} THEN 'filter: {name} below {least}'")
    query = f"SELECT t.*, CASE {' '.join(reasons)} END AS dropped FROM verified_triplets t"
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
    """SELECT of the released rows: columns of ``profile.table``, ordered by language and id."""
    return f"""
SELECT {profile.id_sql} AS id, {profile.columns}
FROM ({selection(settings)}) t
JOIN solutions s USING (solution_id) JOIN r1_traces r ON r.response_id = t.response_id
JOIN clean_problems p ON p.problem_id = t.problem_id JOIN token_counts c ON c.triplet_id = t.triplet_id
WHERE t.dropped IS NULL
ORDER BY t.language, id
"""


def edges_query(profile: Profile, settings: ReleaseSettings, release: str) -> str:
    """SELECT of the lineage: a released row from its triplet, or the triplet dropped by ``release``, with its reason."""
    return f"""
SELECT CASE WHEN t.dropped IS NULL THEN {profile.id_sql} ELSE '{release}' END AS child, t.triplet_id AS parent,
       CASE WHEN t.dropped IS NULL THEN 'derived' ELSE 'dropped' END AS relation, coalesce(t.dropped, '') AS reason
FROM ({selection(settings)}) t
"""
