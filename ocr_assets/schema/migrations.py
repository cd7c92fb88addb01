"""The project's migrations: one function for each step from an earlier shape of the tables to the next.

A lake is migrated when it is opened. A step must keep what was paid for (responses, votes) or judged (verdicts), and ids as they
are. It must not use row types of other modules here: they go on changing, the step does not. What a step may do is
in ``resources/lake/migrations.py``.
"""

from __future__ import annotations

import pyarrow as pa

from ocr_assets.schema.ids import content_id, suite_id
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


MIGRATIONS: tuple[Migration, ...] = (
    Migration(2, "test suites are stored once, and clean problems are labels and a key", store_suites_once),
    Migration(3, "suites are validated by reference solutions and rejected submissions", name_programs_of_known_worth),
    Migration(4, "a release is files, and no table stands empty under its name", keep_releases_as_files),
    Migration(5, "suites whose checkers lost their backslashes are forgotten, to be stored anew", forget_damaged_suites),
)

__all__ = ["MIGRATIONS"]
