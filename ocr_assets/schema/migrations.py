"""The project's migrations: one function for each step from an earlier shape of the tables to the next.

A lake is migrated when it is opened. A step must keep what was paid for (responses, votes) or judged (verdicts), and ids as they
are. It must not use row types of other modules here: they go on changing, the step does not. What a step may do is
in ``resources/lake/migrations.py``.
"""

from __future__ import annotations

from collections import Counter

import pyarrow as pa

from ocr_assets.schema.ids import content_id, nth_raw_id, raw_id, suite_id
from resources.lake import Migration, Migrator

_SUITE = ("tests", "compare", "checker", "interactor", "limits")


def store_suites_once(lake: Migrator) -> None:
    """Test suites move into a table of their own; what merging and decontamination did not decide is read from the raw rows.

    Fields get the names that the literature uses. Ids stay, since they are hashed under the first names (``ids.py``).
    """
    raw_ids, suite_ids = [], []
    batches = lake.cursor.execute(f"SELECT raw_id, {', '.join(_SUITE)} FROM lake.raw_problems").to_arrow_reader(256)
    for row in (row for batch in batches for row in batch.to_pylist()):
        raw_ids.append(row["raw_id"])
        suite_ids.append(content_id("suite", *(row[name] for name in _SUITE)))
    suite_of = pa.table({"raw_id": pa.array(raw_ids, pa.string()), "suite_id": pa.array(suite_ids, pa.string())})
    lake.cursor.register("suite_of", suite_of)
    columns = f"suite_id, {', '.join(_SUITE)}"
    lake.rewrite(
        "test_suites",
        f"""
        SELECT suite_id, list_transform(tests, lambda t: {{
                'id': t.id, 'kind': t.kind, 'input': t.input, 'output': t.output, 'entry_point': t.entry, 'code': t.code,
                'expected_may_be_nested': t.wrapped, 'public': t.public, 'origin': t.origin
            }}) AS tests,
            compare, checker, interactor, limits, len(tests)::BIGINT AS test_count,
            list_sort(list_distinct(list_transform(tests, lambda t: t.kind))) AS test_kinds
        FROM (
            SELECT {columns} FROM lake.raw_problems JOIN suite_of USING (raw_id)
            UNION ALL SELECT {columns} FROM lake.deduped_problems
            UNION ALL SELECT {columns} FROM lake.clean_problems
        ) QUALIFY row_number() OVER (PARTITION BY suite_id) = 1
        """,
    )
    lake.rewrite(
        "raw_problems",
        """
        SELECT raw_id, dataset, split, "index", origin, source, license, title, url, difficulty, tags, statement, starter_code,
            entry AS entry_point, checker_needed AS multiple_answers_hint, reference_solutions, suite_id, file, "row", notes
        FROM lake.raw_problems JOIN suite_of USING (raw_id)
        """,
    )
    lake.cursor.unregister("suite_of")
    lake.rewrite(
        "deduped_problems",
        """
        SELECT problem_id, raw_id, raw_ids, origins, suite_id, title, url, difficulty, tags,
            checker_needed AS multiple_answers_hint, reference_solutions, test_conflicts, tests_left_out, merge_rule
        FROM lake.deduped_problems
        """,
    )
    lake.rewrite(
        "clean_problems",
        "SELECT problem_id, nearest_benchmark, nearest_cosine, contamination, question_tokens FROM lake.clean_problems",
    )
    lake.rename_column("duplicate_pairs", "told_apart", "is_variant")
    lake.rename_column("test_conflicts", "canonical_origin", "representative_origin")
    lake.cursor.execute(
        "UPDATE lake.record_edge SET reason = 'representative' WHERE stage = 'deduped_problems' AND reason = 'canonical'"
    )


def name_programs_of_known_worth(lake: Migrator) -> None:
    """Programs of known worth are called what they are: reference solutions and rejected submissions, which validate a suite."""
    lake.rename_table("suite_evidence", "suite_validation")
    lake.rename_column("suite_validation", "evidence_id", "validation_id")
    new_role = "CASE role WHEN 'known_good' THEN 'reference' WHEN 'known_bad' THEN 'rejected' ELSE role END"
    lake.cursor.execute(f"UPDATE lake.suite_validation SET role = {new_role}")
    lake.rename_stage("suite_evidence", "suite_validation")
    new_reason = "replace(replace(reason, 'known_good:', 'reference:'), 'known_bad:', 'rejected:')"
    lake.cursor.execute(f"UPDATE lake.record_edge SET reason = {new_reason} WHERE stage = 'suite_validation'")
    for old, new in (
        ("known_good", "references_run"), ("known_good_passed", "references_passed"), ("known_bad", "rejected_run"),
        ("known_bad_failed", "rejected_failed"), ("mutants", "mutants_run"),
    ):  # fmt: skip
        lake.rename_column("suite_quality", old, new)
    lake.rename_column("verified_triplets", "judged_at", "graded_at")


def keep_releases_as_files(lake: Migrator) -> None:
    """A release is files; the table under its name was never written. The versions that were released stay in
    ``dataset_version``."""
    lake.drop_table("sft_dataset")


def forget_damaged_suites(lake: Migrator) -> None:
    """Suites that came ten or fewer at once lost the backslashes in their checkers' code. A suite's id is the hash of what it
    was, so they are found. They are stored anew when their problems are next read; what was judged by them is judged again."""
    batches = lake.cursor.execute("FROM lake.test_suites").to_arrow_reader(256)
    rows = (row for batch in batches for row in batch.to_pylist())
    damaged = [row["suite_id"] for row in rows if suite_id(row) != row["suite_id"]]
    if damaged:
        for table in ("test_suites", "verdicts", "suite_validation"):
            lake.cursor.execute(f"DELETE FROM lake.{table} WHERE suite_id IN (SELECT unnest(?))", [damaged])
            lake.touched.add(table)


_OF_THE_FILE = ("raw_id", "suite_id", "file", "row", "notes", "test_count", "test_kinds")


def name_rows_by_content(lake: Migrator) -> None:
    """Raw rows to which their source gives no name get an id without the line they stand in. Problems keep their ids and suites,
    for nothing else of them changes; the earlier ids are kept in ``row_renamed``.

    TACO names no row; of other sources, a user's own file may not. Where a name happened to be the row's number, the row gets the
    old id again when it is next read. Rows that were hashed in yet another way are left as they are, for the same reason.
    """
    batches = lake.cursor.execute(
        """
        SELECT r.*, s.* EXCLUDE (suite_id) FROM lake.raw_problems r JOIN lake.test_suites s USING (suite_id)
        WHERE r.dataset = 'taco' OR (r.dataset = 'local' AND r."index" = r."row"::VARCHAR)
        """
    ).to_arrow_reader(64)
    found: list[tuple[str, int, str, str]] = []
    for row in (row for batch in batches for row in batch.to_pylist()):
        fields = {name: value for name, value in row.items() if name not in _OF_THE_FILE}
        if raw_id(fields) == row["raw_id"]:
            found.append((row["file"], row["row"], row["raw_id"], raw_id(fields, named=False)))
    seen: Counter[str] = Counter()
    renamed: dict[str, str] = {}
    for _, _, old, first in sorted(found):
        renamed[old] = nth_raw_id(first, seen[first])
        seen[first] += 1
    new_ids = pa.table({"old_id": pa.array(renamed, pa.string()), "new_id": pa.array(renamed.values(), pa.string())})
    lake.cursor.register("new_ids", new_ids)
    lake.rewrite(
        "row_renamed",
        """
        SELECT old_id, new_id, 'raw rows are named by their content, not by their line' AS why, now() AS renamed_at FROM new_ids
        """,
    )
    if renamed:
        _rename_raw_rows(lake)
    lake.cursor.unregister("new_ids")


_TESTS_OF = """
SELECT p.pair_id, l.rows || ' ' || r.rows AS tests_of FROM lake.duplicate_pairs p
JOIN members l ON l.statement_key = p.left_key JOIN members r ON r.statement_key = p.right_key
"""
_MEMBERS = "SELECT statement_key, md5(string_agg(raw_id, ' ' ORDER BY raw_id)) AS rows FROM lake.statement_keys GROUP BY ALL"


def _rename_raw_rows(lake: Migrator) -> None:
    """Put ``new_ids`` in place of the old ones wherever a raw row is named."""
    known = f"SELECT pair_id FROM ({_TESTS_OF}) n JOIN lake.duplicate_pairs p USING (pair_id) WHERE p.tests_of = n.tests_of"
    lake.cursor.execute(f"CREATE OR REPLACE TEMP TABLE compared AS WITH members AS ({_MEMBERS}) {known}")
    lake.cursor.execute(
        """
        UPDATE lake.deduped_problems SET raw_ids = n.raw_ids FROM (
            SELECT problem_id, list(coalesce(new_id, raw_id) ORDER BY place) AS raw_ids
            FROM (
                SELECT problem_id, unnest(raw_ids) AS raw_id, generate_subscripts(raw_ids, 1) AS place FROM lake.deduped_problems
            ) LEFT JOIN new_ids ON old_id = raw_id GROUP BY ALL
        ) n WHERE n.problem_id = deduped_problems.problem_id
        """
    )
    for table, column in (
        ("raw_problems", "raw_id"), ("deduped_problems", "raw_id"), ("statement_keys", "raw_id"), ("test_conflicts", "raw_id"),
        ("record_edge", "parent"),
    ):  # fmt: skip
        lake.cursor.execute(f"UPDATE lake.{table} SET {column} = new_id FROM new_ids WHERE old_id = {column}")
    lake.cursor.execute(
        f"""
        UPDATE lake.duplicate_pairs SET tests_of = n.tests_of FROM (
            WITH members AS ({_MEMBERS}) FROM ({_TESTS_OF}) SEMI JOIN compared USING (pair_id)
        ) n WHERE n.pair_id = duplicate_pairs.pair_id
        """
    )
    lake.cursor.execute("DROP TABLE compared")
    lake.touched |= {"raw_problems", "deduped_problems", "statement_keys", "test_conflicts", "duplicate_pairs"}
    # Until then a table that was staged in several parts, a source each, was given the version and the rows of the last one.
    lake.touched.add("test_suites")


MIGRATIONS: tuple[Migration, ...] = (
    Migration(2, "test suites are stored once, and clean problems are labels and a key", store_suites_once),
    Migration(3, "suites are validated by reference solutions and rejected submissions", name_programs_of_known_worth),
    Migration(4, "a release is files, and no table stands empty under its name", keep_releases_as_files),
    Migration(5, "suites whose checkers lost their backslashes are forgotten, to be stored anew", forget_damaged_suites),
    Migration(6, "raw rows are named by their content, not by the line they stand in", name_rows_by_content),
)

__all__ = ["MIGRATIONS"]
