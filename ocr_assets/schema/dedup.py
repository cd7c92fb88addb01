"""What deduplication keeps about statements and pairs of them."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from ocr_assets.schema.problems import TestKind
from resources.lake.tables import Table

DuplicateLayer = Literal["near", "semantic"]


class StatementKey(TypedDict):
    """The key of a raw row's statement: rows with equal keys have equal normalized statements."""

    raw_id: Annotated[str, "The raw row"]
    statement_key: Annotated[str, "Hash of the normalized statement; the problem_id, if the row becomes the representative"]
    rule: Annotated[str, "Version of the normalization, and whether the exact layer is on"]


class NearSignature(TypedDict):
    """A statement in the index of the near layer: statements that share a value at one place are compared."""

    statement_key: Annotated[str, "The statement"]
    settings: Annotated[str, "What the signature was made with"]
    bands: Annotated[list[int], "Hash of each LSH band of its MinHash"]


class SemanticEntry(TypedDict):
    """A statement that the semantic layer has compared with all others."""

    statement_key: Annotated[str, "The statement"]
    model: Annotated[str, "Embedding model"]


class DuplicatePair(TypedDict):
    """Two statements that are alike but not equal, what was measured, and whether they are taken for one problem."""

    pair_id: Annotated[str, "Hash of the statements, layer and settings"]
    left_key: Annotated[str, "The statement with the smaller key"]
    right_key: Annotated[str, "The other"]
    layer: Annotated[DuplicateLayer, "near: shared wording; semantic: embeddings"]
    settings: Annotated[str, "What the score was measured with"]
    score: Annotated[float, "near: Jaccard similarity of the word shingles; semantic: cosine"]
    is_variant: Annotated[bool, "Each names a number, or one of two opposites, that the other does not"]
    tests_shared: Annotated[int | None, "Inputs both have tests for; null: not looked at, the score is too low"]
    tests_disagreeing: Annotated[int | None, "Of these, inputs with different expected outputs"]
    tests_of: Annotated[str, "Hash of the raw rows whose tests were compared"]
    decision: Annotated[
        Literal["merged", "variant", "below", "off", "pending"], "merged: one problem; variant: two variants of a problem"
    ]
    reason: Annotated[str, "Why"]


class TestConflict(TypedDict):
    """An input for which two members of a merged problem expect different outputs: a false merge, or a broken test."""

    conflict_id: Annotated[str, "Hash of problem, member and test"]
    problem_id: Annotated[str, "The merged problem"]
    raw_id: Annotated[str, "The member whose test was left out"]
    origin: Annotated[str, "Its origin"]
    representative_origin: Annotated[str, "Origin of the member whose test was kept"]
    kind: Annotated[TestKind, "stdin, call, assert, pytest"]
    input: Annotated[str, "The input"]
    kept: Annotated[str, "Output expected by the kept test"]
    left_out: Annotated[str, "Output expected by the other"]


STATEMENT_KEYS = Table("statement_keys", StatementKey, ("raw_id",), "Which normalized statement each raw row has.")


NEAR_INDEX = Table("near_index", NearSignature, ("statement_key",), "Signatures of the near layer.")


SEMANTIC_INDEX = Table("semantic_index", SemanticEntry, ("statement_key",), "Statements the semantic layer has compared.")


DUPLICATE_PAIRS = Table("duplicate_pairs", DuplicatePair, ("pair_id",), "Statements alike, their scores and what followed.")


TEST_CONFLICTS = Table("test_conflicts", TestConflict, ("conflict_id",), "Tests of merged problems that contradict each other.")
