"""The real embedder: reworded questions lie near their originals, and a text is embedded once."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from ocr_assets.texts.similarity import nearest
from resources.embedder import Embedder


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return Embedder(cache=tmp_path_factory.mktemp("embeddings"))


def test_reworded_mbpp_questions_are_found_among_the_originals(shared_data: Path, embedder: Embedder) -> None:
    with gzip.open(shared_data / "mapcoder" / "MBPP.jsonl.gz", "rt") as file:
        original = [json.loads(line)["text"].strip() for line in file][:150]
    reworded = [
        text.replace("Write a function to", "Implement a routine that can").replace(
            "Write a python function to", "Your task is to"
        )
        for text in original[:40]
    ]
    rows, columns = nearest(embedder.embed(reworded), embedder.embed(original), np.zeros(150, np.int64), 0.7, 5)
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True)) & {(i, i) for i in range(40)}) >= 36


def test_a_text_is_embedded_once(tmp_path: Path) -> None:
    first = Embedder(cache=tmp_path)
    vectors = first.embed(["one", "two", "one"])
    assert first.embedded == 2
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5) and np.array_equal(vectors[0], vectors[2])
    second = Embedder(cache=tmp_path)
    assert np.array_equal(second.embed(["two", "one"]), vectors[[1, 0]])
    assert second.embedded == 0
