"""Answers that others released, as they came in: what their datasets say of them, and which of their files were read."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from ocr_assets.schema.problems import Language
from resources.lake.tables import Table


class PublishedLabel(TypedDict):
    """A row of a published dataset: which response it became, or why none, and what the dataset says of it."""

    published_id: Annotated[str, "Hash of dataset and row; of a row that cannot be used, of its place"]
    dataset: Annotated[str, "The dataset's name, such as nvidia/OpenCodeReasoning"]
    file: Annotated[str, "File it was read from, relative to the dataset's folder"]
    row: Annotated[int, "Row in that file, from 0; -1: the file as a whole"]
    row_key: Annotated[str | None, "The row's own name in its dataset"]
    place: Annotated[str | None, "Where its problem was found: taco/train[12], codeforces/852/A, published/…; null: nowhere"]
    places: Annotated[list[str], "All places at which its problem was looked for, the surest first"]
    problem_id: Annotated[str | None, "The problem; null: none was found"]
    response_id: Annotated[str | None, "The response in r1_traces; null: it became none"]
    reason: Annotated[str | None, "Why it became no response: a short reason, a colon, the particulars; null: it did"]
    language: Annotated[Language | None, "python or cpp; null: the row cannot be used"]
    solution_hash: Annotated[str | None, "MD5 of the code, without space at its ends, that the dataset took out of the answer"]
    correct: Annotated[bool | None, "Whether the dataset calls the answer right; null: it does not say"]
    pass_rate: Annotated[float | None, "The share of tests that the dataset says it passes"]
    judgement: Annotated[Literal["right", "wrong"] | None, "What the dataset's critic says"]
    critique: Annotated[str | None, "The critic's text"]
    critic: Annotated[str | None, "The critic's model"]


class PublishedFile(TypedDict):
    """A file of published answers and how far it was read, so that a run which was killed goes on where it was."""

    address: Annotated[str, "What OCR_PUBLISHED says: a folder, or a dataset on the Hub"]
    file: Annotated[str, "The file, relative to it"]
    dataset: Annotated[str, "The dataset's name; empty: nobody knows its columns"]
    state: Annotated[str, "Hash of size, time, column map, readers and share: another one, and it is read again"]
    rows: Annotated[int, "Rows read so far"]
    taken: Annotated[int, "Of them, those within published_share"]
    done: Annotated[bool, "Whether it was read to its end"]


PUBLISHED_LABELS = Table("published_labels", PublishedLabel, ("published_id",), "What published datasets say of their answers.")


PUBLISHED_FILES = Table(
    "published_files", PublishedFile, ("address", "file"), "Files of published answers, and how far they were read."
)
