"""How much each problem resembles each benchmark item, measured once and kept.

Three measures: equal normalized texts, shared word n-grams, cosine of embeddings (exact search). For each problem and benchmark
the nearest items are kept with their scores, so that thresholds and policies (``decide.py``) decide again without
measuring. Only what is new is compared: new problems with all items, new items with all problems.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa

from ocr_assets.problems.decontamination.settings import COSINE_FLOOR, OVERLAP_FLOOR, DecontaminationSettings
from ocr_assets.schema import BENCHMARK_ITEMS, CONTAMINATION_SCORES, SCREENED, BenchmarkItem, content_id
from ocr_assets.texts import normalize, similarity
from ocr_assets.texts.shingles import shingles
from ocr_assets.texts.similarity import Embeds
from resources.lake import Lake, Write

if TYPE_CHECKING:
    import polars as pl

VERSION = "1"
LEAST_NGRAMS = 4  # an item with fewer says too little: "write a function to find the" is in many
BLOCK = similarity.BLOCK
Writing = Callable[[], AbstractContextManager[Write]]


def measured_with(settings: DecontaminationSettings, model: str) -> str:
    """What a stored score depends on; another value measures anew."""
    grams = f"{settings.ngram}-grams"
    return f"{model}, top {settings.neighbours}, {grams}, normalize {normalize.VERSION}, screening {VERSION}"


@dataclass
class ScreeningTally:
    """What a screening did now: problems and items compared for the first time, and seconds by part."""

    problems: int = 0
    items: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def took(self, part: str, since: float) -> None:
        self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - since


class Items:
    """Benchmark items made ready to be compared with many problems."""

    def __init__(self, items: Sequence[BenchmarkItem], vectors: similarity.Vectors, settings: DecontaminationSettings) -> None:
        import polars as pl

        self.keys = [item["item_key"] for item in items]
        self.vectors = vectors
        names = sorted({item["benchmark"] for item in items})
        self.benchmark = np.array([names.index(item["benchmark"]) for item in items], dtype=np.int64)
        self.names = names
        texts = [normalize.normalize(item["question"]) for item in items]
        self.by_text: dict[str, list[int]] = {}
        for position, text in enumerate(texts):
            self.by_text.setdefault(text, []).append(position)
        ngrams = _ngrams(texts, settings.ngram).rename({"text": "item"}).unique()
        sizes = ngrams.group_by("item").len("size")
        self.ngrams = ngrams.join(sizes.filter(pl.col("size") >= LEAST_NGRAMS), on="item")


def _ngrams(texts: Sequence[str], width: int) -> pl.DataFrame:
    """Columns ``hash`` of each n-gram, repeats included, and ``text``, its index; a text shorter than one n-gram has none."""
    import polars as pl

    hashes, offsets = shingles(texts, width, pad=False)
    return pl.DataFrame({"hash": hashes, "text": np.repeat(np.arange(len(texts)), np.diff(offsets))})


def compare(
    problem_ids: Sequence[str], texts: Sequence[str], vectors: similarity.Vectors, items: Items, settings: DecontaminationSettings
) -> list[dict[str, Any]]:
    """Rows of ``contamination_scores`` for problems given by normalized text and embedding, one block of them.

    Kept are, for each problem, the nearest items of each benchmark from ``COSINE_FLOOR`` on, the nearest of all, and any that
    shares its text or ``OVERLAP_FLOOR`` of its n-grams. ``select`` trims the union of several such results.
    """
    pairs: dict[tuple[int, int], None] = {}
    rows, columns = similarity.nearest(vectors, items.vectors, items.benchmark, COSINE_FLOOR, settings.neighbours)
    pairs.update(dict.fromkeys(zip(rows.tolist(), columns.tolist(), strict=True)))
    overlaps = _overlaps(texts, items, settings.ngram)
    pairs.update(dict.fromkeys(overlaps))
    exact = {(row, column) for row, text in enumerate(texts) for column in items.by_text.get(text, ())}
    pairs.update(dict.fromkeys(exact))
    if not pairs:
        return []
    row, column = np.array(list(pairs)).T
    cosines = similarity.cosines(vectors[row], items.vectors[column])
    return [
        {
            "pair_id": content_id("pair", problem_ids[one], items.keys[other]),
            "problem_id": problem_ids[one],
            "item_key": items.keys[other],
            "benchmark": items.names[items.benchmark[other]],
            "cosine": cosine,
            "overlap": overlaps.get((one, other), 0.0),
            "exact": (one, other) in exact,
        }
        for (one, other), cosine in zip(pairs, np.round(cosines, 4).tolist(), strict=True)
    ]


def _overlaps(texts: Sequence[str], items: Items, width: int) -> dict[tuple[int, int], float]:
    """(text, item) → share of the item's n-grams in the text, from ``OVERLAP_FLOOR`` on."""
    ngrams = _ngrams(texts, width).join(items.ngrams, on="hash", how="semi").unique()
    shared = ngrams.join(items.ngrams, on="hash").group_by("text", "item", "size").len("shared")
    share = np.round(shared["shared"].to_numpy() / shared["size"].to_numpy(), 4)
    pairs = zip(shared["text"], shared["item"], share.tolist(), strict=True)
    return {(text, item): value for text, item, value in pairs if value >= OVERLAP_FLOOR}


def screen(
    store: Lake,
    writing: Writing,
    items: Sequence[BenchmarkItem],
    embedder: Embeds,
    settings: DecontaminationSettings,
    progress: Callable[[int], object] = lambda count: None,
) -> ScreeningTally:
    """Bring ``contamination_scores`` up to date with ``deduped_problems`` and ``items``.

    ``writing`` opens a write of the lake; scores and the note that they were made are committed together. ``progress`` is
    told how many problems were compared. With nothing new nothing is embedded, compared or written.
    """
    done = ScreeningTally()
    measured = measured_with(settings, embedder.model)
    with closing(store.cursor()) as cursor:
        state = _what_is_new(cursor, items, measured)
        if not state.anything:
            return done
        done.problems, done.items = state.new_problems, len(state.new_items)
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE fresh AS SELECT * FROM {CONTAMINATION_SCORES.name} LIMIT 0")
        if items and (state.new_problems or state.new_items):
            _measure(store, cursor, items, state, embedder, settings, done, progress)
        start = time.perf_counter()
        changed = [
            row[0] for row in cursor.execute("SELECT DISTINCT problem_id FROM to_screen UNION SELECT * FROM gone").fetchall()
        ]
        with writing() as write:
            write.sync(BENCHMARK_ITEMS, items)
            write.sync(CONTAMINATION_SCORES, _stream(cursor, _select(settings)), within=("problem_id", changed))
            noted = [{"subject": item["item_key"], "text_hash": "", "settings": measured} for item in items]
            noted += [
                {"subject": problem, "text_hash": text_hash, "settings": measured}
                for problem, text_hash in cursor.execute("SELECT problem_id, text_hash FROM live").fetchall()
            ]
            write.sync(SCREENED, noted)
        done.took("write", start)
    return done


@dataclass
class _New:
    anything: bool
    new_problems: int
    new_items: list[BenchmarkItem]


def _what_is_new(cursor: duckdb.DuckDBPyConnection, items: Sequence[BenchmarkItem], measured: str) -> _New:
    """Note on ``cursor``: ``live`` (problems there are), ``to_screen`` (with ``anew``: against all items, or only against
    those that are new), ``gone`` (problems that left), ``live_items``."""
    cursor.register("given_items", pa.table({"item_key": pa.array([item["item_key"] for item in items], pa.string())}))
    cursor.execute("CREATE OR REPLACE TEMP TABLE live_items AS FROM given_items")
    cursor.unregister("given_items")
    cursor.execute("CREATE OR REPLACE TEMP TABLE live AS SELECT problem_id, md5(statement) AS text_hash FROM problems")
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE known AS SELECT * FROM {SCREENED.name} WHERE settings = ?", [measured])
    # A problem that lost a neighbour may have others that were pushed out of its list: it is compared anew.
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE to_screen AS
        SELECT l.problem_id, k.subject IS NULL OR b.problem_id IS NOT NULL AS anew FROM live l
        LEFT JOIN known k ON k.subject = l.problem_id AND k.text_hash = l.text_hash
        LEFT JOIN (SELECT DISTINCT problem_id FROM {CONTAMINATION_SCORES.name} ANTI JOIN live_items USING (item_key)) b
            ON b.problem_id = l.problem_id
        """
    )
    cursor.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE gone AS
        SELECT problem_id FROM {CONTAMINATION_SCORES.name} ANTI JOIN live USING (problem_id) GROUP BY ALL
        """
    )
    known = {
        row[0] for row in cursor.execute("SELECT i.item_key FROM live_items i JOIN known k ON k.subject = i.item_key").fetchall()
    }
    new_items = [item for item in items if item["item_key"] not in known]
    if not new_items:
        cursor.execute("DELETE FROM to_screen WHERE NOT anew")
    (anew,) = cursor.execute("SELECT count(*) FROM to_screen WHERE anew").fetchone() or (0,)
    (left,) = cursor.execute(
        f"""
        SELECT count(*) FROM {SCREENED.name} ANTI JOIN (
            SELECT problem_id AS subject, text_hash FROM live UNION ALL SELECT item_key, '' FROM live_items
        ) USING (subject, text_hash)
        """
    ).fetchone() or (0,)
    return _New(bool(new_items or anew or left), anew, new_items)


def _measure(
    store: Lake,
    cursor: duckdb.DuckDBPyConnection,
    items: Sequence[BenchmarkItem],
    state: _New,
    embedder: Embeds,
    settings: DecontaminationSettings,
    done: ScreeningTally,
    progress: Callable[[int], object],
) -> None:
    """Compare what is new and put the scores into ``fresh``."""
    start = time.perf_counter()
    vectors = embedder.embed([item["question"] for item in items])
    done.took("embed", start)
    start = time.perf_counter()
    new = {item["item_key"] for item in state.new_items}
    some = [position for position, item in enumerate(items) if item["item_key"] in new]
    prepared = {True: Items(items, vectors, settings), False: Items(state.new_items, vectors[some], settings)}
    done.took("prepare", start)
    with closing(store.cursor()) as reader:
        reader.register("wanted", cursor.execute("FROM to_screen").to_arrow_table())
        query = "SELECT d.problem_id, d.statement, w.anew FROM problems d JOIN wanted w USING (problem_id)"
        for batch in _blocks(reader.execute(query).to_arrow_reader(BLOCK)):
            start = time.perf_counter()
            embedded = embedder.embed(batch["statement"])
            done.took("embed", start)
            start = time.perf_counter()
            texts = [normalize.normalize(text) for text in batch["statement"]]
            done.took("normalize", start)
            start = time.perf_counter()
            for anew, against in prepared.items():
                mine = [position for position, value in enumerate(batch["anew"]) if value is anew]
                if mine and against.keys:
                    ids, own = [batch["problem_id"][i] for i in mine], [texts[i] for i in mine]
                    _keep(cursor, compare(ids, own, embedded[mine], against, settings))
            done.took("compare", start)
            progress(len(texts))


def _blocks(batches: pa.RecordBatchReader) -> Iterator[dict[str, list[Any]]]:
    """Columns as lists, ``BLOCK`` rows at once but for the last: the reader's own batches can be smaller."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(part.num_rows for part in held) >= BLOCK:
            table = pa.Table.from_batches(held)
            yield table.slice(0, BLOCK).to_pydict()
            held = table.slice(BLOCK).to_batches()
    if held:
        yield pa.Table.from_batches(held).to_pydict()


def _keep(cursor: duckdb.DuckDBPyConnection, scores: list[dict[str, Any]]) -> None:
    if scores:
        cursor.register("scores", pa.Table.from_batches([CONTAMINATION_SCORES.batch(scores)]))
        cursor.execute("INSERT INTO fresh FROM scores")
        cursor.unregister("scores")


def _select(settings: DecontaminationSettings) -> str:
    """The rows to keep of stored and fresh scores together: equal, however they came in parts."""
    return f"""
        WITH everything AS (
            SELECT c.* FROM {CONTAMINATION_SCORES.name} c SEMI JOIN live_items USING (item_key)
            JOIN to_screen s ON s.problem_id = c.problem_id AND NOT s.anew
            UNION ALL FROM fresh
        )
        FROM everything
        QUALIFY exact OR overlap >= {OVERLAP_FLOOR}
            OR cosine >= {COSINE_FLOOR}
                AND row_number() OVER (PARTITION BY problem_id, benchmark ORDER BY cosine DESC, item_key) <= {settings.neighbours}
            OR row_number() OVER (PARTITION BY problem_id ORDER BY cosine DESC, item_key) = 1
    """


def _stream(cursor: duckdb.DuckDBPyConnection, query: str) -> Iterator[dict[str, Any]]:
    for batch in cursor.execute(query).to_arrow_reader(4096):
        yield from batch.to_pylist()
