"""Problems measured: what deduplication and decontamination find and miss, how fast, in how much memory. No test.

``python -m tests.benchmarks.problems`` prints all parts; name some to print only these (planted, throughput, overlaps, contamination, memory),
``--documents`` sets the size of the throughput part. Ratios hold within one run; absolute figures are for orientation.
Duplicates are planted by rule into real statements (``OCR_SHARED_DATA``), so that the truth is known.
"""

import argparse
import gzip
import hashlib
import itertools
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from joblib.externals.loky import get_reusable_executor

from ocr_assets.platform.lake import project_lake
from ocr_assets.problems.decontamination import screening
from ocr_assets.problems.decontamination.settings import DecontaminationSettings
from ocr_assets.problems.dedup import near
from ocr_assets.problems.dedup.clusters import clusters, decided
from ocr_assets.problems.dedup.files import Texts, duplicates_of
from ocr_assets.problems.dedup.near import MinHash, candidates, measured, signatures
from ocr_assets.problems.dedup.refresh import refresh
from ocr_assets.problems.dedup.settings import DedupSettings
from ocr_assets.texts import similarity
from ocr_assets.texts.normalize import normalize
from ocr_assets.texts.shingles import shingles
from ocr_assets.texts.variants import VariantMarks, are_variants
from resources.embedder import Embedder
from tests.support.rows import problem, put_problems, put_raw_problems, raw_problem

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("OCR_SHARED_DATA", ROOT.parent / "shared" / "data"))
Pairs = set[tuple[int, int]]


# --- real statements, and rules that change them


def lines(path: Path) -> Iterator[dict]:
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        yield from map(json.loads, file)


def leetcode() -> list[str]:
    """Statements of LeetCodeDataset train, without the starter code that its prompts end with."""
    texts = (row["query"] for row in lines(DATA / "leetcodedataset" / "LeetCodeDataset-v0.2.0-train.jsonl.gz"))
    return [text.partition("Please complete the following")[0].strip() for text in texts]


def codeforces() -> list[str]:
    """Codeforces statements put together as their readers do, LaTeX and samples included."""
    texts = []
    for row in lines(DATA / "mapcoder" / "prog_syn_val.jsonl"):
        samples = "\n".join(
            f"Input\n{one}\nOutput\n{other}" for one, other in zip(row["sample_inputs"], row["sample_outputs"], strict=True)
        )
        texts.append(
            f"{row['description']}\n\nInput\n{row['input_spec']}\n\nOutput\n{row['output_spec']}\n\nExamples\n{samples}\n\n"
            f"Note\n{row['notes'] or ''}"
        )
    return texts


def reworded() -> list[tuple[str, str]]:
    """(MBPP text, the same task as another data set words it): real paraphrases, though light ones."""
    original = {row["task_id"]: row["text"] for row in lines(DATA / "mapcoder" / "MBPP.jsonl.gz")}
    found = []
    for row in lines(DATA / "mapcoder" / "mbpp-py.jsonl.gz"):
        text = " ".join(re.search(r'"""(.*?)(?:>>>|""")', row["prompt"], re.DOTALL)[1].split())
        source = original.get(int(row["name"].split("_")[1]), original.get(row["name"].split("_")[1]))
        if source and " ".join(source.split()) != text:
            found.append((source, text))
    return found


def whitespace(text: str, luck: random.Random) -> str:
    return re.sub(r" ", lambda _: luck.choice([" ", " ", " ", "  ", "\n", "\t", "\u00a0"]), text) + "\r\n\n"


def latex(text: str, luck: random.Random) -> str:
    text = text.replace("$$$", "$").replace("\\le", "≤").replace("<=", "\\leq ").replace(">=", "≥")
    text = re.sub(r"\b10\^\{?(\d)\}?", lambda m: luck.choice([f"$10^{{{m[1]}}}$", f"10<sup>{m[1]}</sup>"]), text)
    return re.sub(r"\b([a-zA-Z])\b(?=[ ,.])", lambda m: luck.choice([f"${m[1]}$", f"`{m[1]}`", m[1]]), text)


def header(text: str, luck: random.Random) -> str:
    limits = luck.choice(
        ["time limit per test: 2 seconds\nmemory limit per test: 256 megabytes", "Time Limit: 1 sec\nMemory Limit: 64MB"]
    )
    text = re.sub(r"(?m)^Input$", "-----Input-----", re.sub(r"(?m)^Output$", "## Output ##", text))
    return f"{limits}\n\n{text}"


def samples_moved(text: str, luck: random.Random) -> str:
    """Samples in another order, or gone to the tests."""
    story, mark, rest = text.partition("\n\nExamples\n")
    if not mark:
        return f"{text}\n\nSample Input\n3\n1 2 3\n\nSample Output\n6\n"
    samples, mark, note = rest.partition("\n\nNote\n")
    parts = [part for part in re.split(r"(?m)^(?=Input$)", samples) if part.strip()]
    parts = [] if luck.random() < 0.3 else [part.rstrip() for part in reversed(parts)]
    return story + ("\n\nExamples\n" + "\n".join(parts) if parts else "") + mark + note


def renamed(text: str, luck: random.Random) -> str:
    names = {"n": "m", "m": "p", "k": "q", "x": "u", "nums": "numbers", "arr": "values", "s": "t", "grid": "board", "root": "top"}
    return re.sub(r"\b(" + "|".join(names) + r")\b", lambda m: names[m[1]], text)


def shortened(text: str, luck: random.Random) -> str:
    """One or two sentences of the story left out."""
    sentences = re.split(r"(?<=[.!?])\s+", text)
    for _ in range(1 + (len(sentences) > 12)):
        if len(sentences) > 4:
            del sentences[luck.randrange(len(sentences) // 3 + 1)]
    return " ".join(sentences) if len(sentences) < 4 else "\n".join(sentences)


SYNONYMS = {
    "return": "give back", "find": "determine", "given": "supplied with", "array": "list", "integer": "whole number",
    "integers": "whole numbers", "string": "text", "number": "count", "maximum": "largest", "minimum": "smallest",
    "you are": "someone is", "can": "may", "each": "every", "contains": "holds", "element": "entry", "elements": "entries",
    "such that": "so that", "consisting of": "made up of", "equal to": "the same as", "print": "output", "there are": "we have",
}  # fmt: skip


def paraphrased(text: str, luck: random.Random) -> str:
    """Many words replaced by others of the same sense."""
    pattern = re.compile(r"\b(" + "|".join(sorted(SYNONYMS, key=len, reverse=True)) + r")\b", re.IGNORECASE)
    return pattern.sub(lambda m: SYNONYMS[m[1].lower()], text)


def another_problem(text: str, luck: random.Random) -> str:
    """Not a duplicate: the same wording with other limits, as easy and hard versions have, or with the question turned."""
    turned = {"maximum": "minimum", "minimum": "maximum", "largest": "smallest", "smallest": "largest"}
    # Only a number of the story makes another problem; those in samples do not, and normalizing leaves them out.
    numbers = re.findall(r"(?<![\w.^,])\d{2,}(?![\w.,])", normalize(text))
    if numbers and luck.random() < 0.7:
        chosen = luck.choice(numbers)
        return re.sub(rf"(?<![\w.^]){chosen}(?![\w.])", str(int(chosen) * 10 + 7), text)
    return re.sub(r"\b(" + "|".join(turned) + r")\b", lambda m: turned[m[1]], text)


RULES: dict[str, Callable[[str, random.Random], str]] = {
    "white space": whitespace, "LaTeX": latex, "header": header, "samples": samples_moved, "renamed": renamed,
    "shortened": shortened, "paraphrased": paraphrased,
}  # fmt: skip


def planted(seed: int = 5) -> None:
    """Precision and recall of each layer on planted duplicates, beside the libraries and a plain cosine cut."""
    luck = random.Random(seed)
    bases = list(dict.fromkeys(codeforces() + [text for text in leetcode() if len(text) > 250]))
    luck.shuffle(bases)
    bases = bases[:700]
    texts, problem, rule = list(bases), list(range(len(bases))), ["base"] * len(bases)
    names = [*RULES, "another"]
    for number, base in enumerate(bases):
        name = names[number % len(names)]
        changed = RULES[name](base, luck) if name in RULES else another_problem(base, luck)
        if changed == base:
            continue
        texts.append(changed)
        problem.append(number if name in RULES else len(bases) + number)
        rule.append(name)
    for one, other in reworded():
        for text in (one, other):
            texts.append(text)
            problem.append(2 * len(bases) + len(texts) // 2 if text is one else problem[-1])
            rule.append("base" if text is one else "reworded MBPP")
    # Two texts that are the same word for word in the files themselves are one problem, whatever they were planted as.
    plain = {}
    for number, text in enumerate(texts):
        problem[number] = problem[plain.setdefault(" ".join(text.split()), number)]
    truth = {(a, b) for a, b in itertools.combinations(range(len(texts)), 2) if problem[a] == problem[b]}
    others = len(rule) - rule.count("base") - rule.count("another")
    print(f"{len(texts)} statements, {others} planted duplicates, {rule.count('another')} planted look-alikes that are none")
    normal = [normalize(text) for text in texts]
    vectors = Embedder().embed(texts)
    found = {
        "exact (ours)": same(normal),
        "near 0.7 (ours)": ours_near(normal, 0.7),
        "near 0.8 (ours)": ours_near(normal, 0.8),
        "near 0.7, variants merged too": ours_near(normal, 0.7, variants=True),
        "semantic 0.95 (ours)": ours_semantic(normal, Embedder().embed(normal), 0.95),
        "datasketch LSH 0.7": datasketch_pairs(texts, 0.7),
        "rensa LSH 0.7": rensa_pairs(texts, 0.7),
        "cosine 0.95": cosine_pairs(vectors, 0.95),
        "cosine 0.9": cosine_pairs(vectors, 0.9),
    }
    found["exact, near 0.7 (ours)"] = found["exact (ours)"] | found["near 0.7 (ours)"]
    found["exact, near, semantic (ours)"] = found["exact, near 0.7 (ours)"] | found["semantic 0.95 (ours)"]
    kinds = [*RULES, "reworded MBPP"]
    print(f"{'':30} {'precision':>9} {'recall':>7} {'look-alikes':>12}   recall by rule: {', '.join(kinds)}")
    for name, pairs in found.items():
        right = len(pairs & truth)
        fooled = sum("another" in (rule[a], rule[b]) for a, b in pairs - truth)
        by_kind = []
        for kind in kinds:
            wanted = {pair for pair in truth if kind in (rule[pair[0]], rule[pair[1]])}
            by_kind.append(f"{len(pairs & wanted) / max(1, len(wanted)):.2f}")
        print(f"{name:30} {right / max(1, len(pairs)):9.3f} {right / len(truth):7.3f} {fooled:12}   {'  '.join(by_kind)}")


def same(texts: Sequence[str]) -> Pairs:
    groups: dict[str, list[int]] = {}
    for number, text in enumerate(texts):
        groups.setdefault(text, []).append(number)
    return {pair for group in groups.values() for pair in itertools.combinations(group, 2)}


def ours_near(texts: Sequence[str], threshold: float, variants: bool = False) -> Pairs:
    settings = MinHash()
    bands = signatures(*shingles(texts, settings.shingle), settings)
    pairs = measured(candidates(bands, np.ones(len(texts), bool)), lambda rows: [texts[row] for row in rows], settings)
    return {(a, b) for a, b, jaccard, differ in pairs if jaccard >= threshold and (variants or not differ)}


def ours_semantic(texts: Sequence[str], vectors: np.ndarray, threshold: float) -> Pairs:
    return {
        (a, b) for a, b in cosine_pairs(vectors, threshold) if not are_variants(VariantMarks(texts[a]), VariantMarks(texts[b]))
    }


def cosine_pairs(vectors: np.ndarray, threshold: float) -> Pairs:
    found = similarity.above(vectors, vectors, threshold)
    return {(a, b) for rows, columns, _ in found for a, b in zip(rows.tolist(), columns.tolist(), strict=True) if a < b}


def word_shingles(text: str, width: int = 3) -> list[str]:
    """As the libraries' guides do it: lower case, split at white space, joined again."""
    words = text.lower().split()
    return [" ".join(words[start : start + width]) for start in range(max(1, len(words) - width + 1))]


def datasketch_pairs(texts: Sequence[str], threshold: float) -> Pairs:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=threshold, num_perm=128)
    pairs: Pairs = set()
    for number, text in enumerate(texts):
        signature = MinHash(num_perm=128)
        signature.update_batch([shingle.encode() for shingle in word_shingles(text)])
        pairs |= {(other, number) for other in index.query(signature)}
        index.insert(number, signature)
    return pairs


def rensa_pairs(texts: Sequence[str], threshold: float) -> Pairs:
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(threshold=threshold, num_perm=128, num_bands=25 if 128 % 25 == 0 else 16)
    pairs: Pairs = set()
    for number, signature in enumerate(RMinHash.from_token_sets([word_shingles(text) for text in texts], num_perm=128, seed=42)):
        pairs |= {(other, number) for other in index.query(signature)}
        index.insert(number, signature)
    return pairs


# --- throughput: each contender alone in a process, over the same file


class Documents:
    """Statements in a file, one after another, read some at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def batches(self, size: int = 2048) -> Iterator[list[str]]:
        lengths = np.diff(np.fromfile(self.path.with_suffix(".ends"), dtype=np.int64), prepend=0).tolist()
        with self.path.open("rb") as file:
            for start in range(0, len(lengths), size):
                yield [file.read(length).decode() for length in lengths[start : start + size]]


def write_documents(path: Path, count: int, seed: int = 1) -> int:
    """Generate ``count`` statements from real sentences: 5 % exact copies up to spelling, 10 % with a few words changed, the
    rest mixed from sentences of several problems. Returns how many were planted as duplicates."""
    luck = random.Random(seed)
    sentences = [
        sentence
        for text in leetcode() + codeforces()
        for sentence in re.split(r"(?<=[.!?])\s+", text)
        if 20 < len(sentence) < 400
    ]
    recent: list[str] = []
    ends, place, duplicates = [], 0, 0
    with path.open("wb") as file:
        for number in range(count):
            kind = luck.random()
            if recent and kind < 0.05:
                text = luck.choice(recent).replace(". ", ".\n\n") + "\n"
                duplicates += 1
            elif recent and kind < 0.15:
                words = luck.choice(recent).split(" ")
                for _ in range(1 + len(words) // 60):
                    words[luck.randrange(len(words))] = luck.choice(("value", "given", "list", "any"))
                text = " ".join(words)
                duplicates += 1
            else:
                chosen = luck.sample(sentences, luck.randint(4, 9))
                text = f"Problem {number}. {' '.join(moved(sentence, number) for sentence in chosen)}"
                recent.append(text)
                if len(recent) > 5000:
                    recent[luck.randrange(5000)] = recent.pop()
            data = text.encode()
            file.write(data)
            place += len(data)
            ends.append(place)
    np.array(ends, dtype=np.int64).tofile(path.with_suffix(".ends"))
    return duplicates


def moved(sentence: str, number: int) -> str:
    """The sentence with other numbers in it."""
    return re.sub(r"\d+", lambda match: str(int(match[0]) % 97 + number % 13), sentence)


def ours(documents: Documents) -> tuple[int, dict[str, float]]:
    """Exact and near layer as ``ocr-assets dedup --near 0.7`` finds them: duplicates found, seconds."""
    start = time.perf_counter()
    with Texts(text for batch in documents.batches() for text in batch) as texts:
        _, stands_for = duplicates_of(texts, DedupSettings(near=True, near_threshold=0.7))
    return len(stands_for), {"all": time.perf_counter() - start}


def in_the_lake(documents: Documents) -> tuple[int, dict[str, float]]:
    """The same as the asset finds them, in a lake: a first refresh, and one after 1 % more rows."""
    from ocr_assets.schema import DUPLICATE_PAIRS
    from resources.lake import RunInfo

    texts = [text for batch in documents.batches() for text in batch]
    later = len(texts) // 100
    layers = DedupSettings(near=True, near_threshold=0.7)
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, project_lake(Path(folder)) as lake:

        def writing():
            return lake.write(RunInfo("bench"), "deduped_problems")

        for part, given in (("first refresh", range(later, len(texts))), ("1 % more", range(later))):
            with writing() as write:
                put_raw_problems(write, (raw_problem(str(number), texts[number]) for number in given), add=True)
            start = time.perf_counter()
            with writing() as write:
                refresh(lake, writing, layers)
                pairs = decided(lake, layers, None)
                cluster_of, _ = clusters(pairs)
                write.sync(DUPLICATE_PAIRS, pairs)
            seconds[part] = time.perf_counter() - start
        rows, keys = (lake.scalar(f"SELECT count({of}) FROM statement_keys") for of in ("*", "DISTINCT statement_key"))
    return rows - keys + len(cluster_of) - len(set(cluster_of.values())), seconds


def rensa_flags(documents: Documents, prepare: Callable[[str], str] = str) -> tuple[int, dict[str, float]]:
    """rensa's fastest full-set way: digest matrices of token lists, one LSH index; a later text that hits is a duplicate."""
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(threshold=0.7, num_perm=96, num_bands=24)  # proposes what 24 bands of 4 propose, and verifies nothing
    found = row = 0
    start = time.perf_counter()
    for batch in documents.batches():
        matrix = RMinHash.digest_matrix_from_token_sets([word_shingles(prepare(text)) for text in batch], 96, 42)
        found += sum(index.insert_matrix_and_query_duplicate_flags(matrix, row))
        row += len(batch)
    return found, {"all": time.perf_counter() - start}


def rensa_verified(documents: Documents, prepare: Callable[[str], str] = str) -> tuple[int, dict[str, float]]:
    """rensa's deduplicator, which checks candidates by signature, as its guide shows it."""
    from rensa import RMinHashDeduplicator

    dedup = RMinHashDeduplicator(threshold=0.7, num_perm=96, use_lsh=True)
    start = time.perf_counter()
    found = row = 0
    for batch in documents.batches():
        kept = dedup.add_pairs((str(row + number), word_shingles(prepare(text))) for number, text in enumerate(batch))
        found += len(batch) - sum(kept)
        row += len(batch)
    return found, {"all": time.perf_counter() - start}


def datasketch_flags(documents: Documents) -> tuple[int, dict[str, float]]:
    """datasketch as its guide shows it, with the same bands."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=96, params=(24, 4))
    found = row = 0
    start = time.perf_counter()
    for batch in documents.batches():
        for signature in MinHash.generator([[s.encode() for s in word_shingles(text)] for text in batch], num_perm=96):
            found += bool(index.query(signature))
            index.insert(row, signature)
            row += 1
    return found, {"all": time.perf_counter() - start}


# On our normalized texts the others find respelled duplicates as ours does: that is where the recall is the same.
CONTENDERS: dict[str, Callable[[Documents], tuple[int, dict[str, float]]]] = {
    "ours": ours,
    "ours, in the lake": in_the_lake,
    "rensa LSH": rensa_flags,
    "rensa LSH, normalized": partial(rensa_flags, prepare=normalize),
    "rensa deduplicator": rensa_verified,
    "rensa deduplicator, normalized": partial(rensa_verified, prepare=normalize),
    "datasketch LSH": datasketch_flags,
}


def run_alone(name: str, path: Path) -> dict:
    """What a contender does in a process of its own."""
    line = [sys.executable, "-m", "tests.benchmarks.problems", "--contender", name, "--file", str(path)]
    return json.loads(subprocess.run(line, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def throughput(count: int, contenders: Iterable[str] = CONTENDERS) -> None:
    """Documents a second and peak memory, exact + near deduplication."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "documents"
        planted_count = write_documents(path, count)
        size = path.stat().st_size
        print(f"{count:,} generated statements, {size / count:.0f} bytes each, {planted_count:,} planted duplicates")
        base = 0.0
        for name in contenders:
            done = run_alone(name, path)
            rate = count / sum(done["seconds"].values())
            base = base or rate
            parts = ", ".join(f"{part} {value:.1f} s" for part, value in done["seconds"].items() if len(done["seconds"]) > 1)
            print(
                f"{name:30} {rate:8,.0f} docs/s   ours is {base / rate:5.2f} x   CPU {done['cpu_s']:6.1f} s   peak {done['peak_mb']:6,.0f} MiB   "
                f"{done['found']:,} called duplicates   {parts}"
            )


def contender(name: str, path: Path) -> None:
    documents = Documents(path)
    near.signatures(*shingles(["warm up"], 3), MinHash())
    found, seconds = CONTENDERS[name](documents)
    get_reusable_executor().shutdown(wait=True)  # only ended processes are counted among the children
    own, workers = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = (own.ru_maxrss + (os.cpu_count() or 1) * workers.ru_maxrss) / 1024
    cpu = own.ru_utime + own.ru_stime + workers.ru_utime + workers.ru_stime
    print(json.dumps({"found": found, "seconds": seconds, "cpu_s": cpu, "peak_mb": peak}))


def memory_curve(largest: int) -> None:
    """Peak memory of our two layers as the number of statements grows, less what an empty run takes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "documents"
        write_documents(path, 1000)
        empty = run_alone("ours", path)["peak_mb"]
        for count in (largest // 8, largest // 4, largest // 2, largest):
            write_documents(path, count)
            peak = run_alone("ours", path)["peak_mb"] - empty
            index = count * MinHash().bands * 8 / 2**20
            print(f"{count:9,} statements   {peak:7,.0f} MiB above an empty run   signatures alone {index:5,.0f} MiB")


# --- decontamination


def real_overlaps() -> None:
    """What the exact and n-gram layers find in real files: problems that restate no item, and sets known to."""
    from ocr_assets.problems.decontamination.benchmarks import read_benchmark

    names = ("humaneval/HumanEval.jsonl.gz", "mapcoder/MBPP.jsonl.gz", "sandboxfusion/code_eval_bigcodebench.jsonl")
    items = [item for name in names for item in read_benchmark(DATA / name)]
    measure = DecontaminationSettings()
    made = screening.Items(items, np.ones((len(items), 1), np.float32), measure)
    sets = {
        "LeetCode and Codeforces (restate nothing verbatim)": leetcode() + codeforces(),
        "MBPP as typed functions (203 verbatim, 194 reworded)": [
            " ".join(re.search(r'"""(.*?)(?:>>>|""")', row["prompt"], re.DOTALL)[1].split())
            for row in lines(DATA / "mapcoder" / "mbpp-py.jsonl.gz")
        ],
        "HumanEval shadows (altered on purpose)": [
            row["content"] for row in lines(DATA / "sandboxfusion" / "code_eval_shadow_humaneval_python.jsonl")
        ],
    }
    print(f"{len(items)} items of HumanEval, MBPP and BigCodeBench")
    for name, texts in sets.items():
        rows = compare_texts(texts, made, measure)
        exact = {row["problem_id"] for row in rows if row["exact"]}
        certain = {row["problem_id"] for row in rows if row["overlap"] >= 0.8} - exact
        some = {row["problem_id"] for row in rows if row["overlap"] >= screening.OVERLAP_FLOOR} - exact - certain
        print(f"{name:54} {len(texts):5}: exact {len(exact)}, n-grams from 0.8 {len(certain)}, from 0.3 {len(some)}")


def compare_texts(texts: Sequence[str], items: screening.Items, measure: DecontaminationSettings) -> list[dict]:
    """Scores without embeddings: all vectors are equal."""
    vectors = np.ones((len(texts), 1), np.float32)
    return screening.compare([str(n) for n in range(len(texts))], [normalize(text) for text in texts], vectors, items, measure)


class KeptVectors:
    """Embeddings drawn at random but fixed by the text, about as alike as those of real statements (half of all pairs lie above
    the floor): what search costs depends on how many are worth keeping, not on what the numbers mean."""

    model = "random"

    def __init__(self) -> None:
        self.embedded = 0
        self.known: dict[str, np.ndarray] = {}
        self.common = np.random.default_rng(1).normal(size=384)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        missing = [text for text in texts if text not in self.known]
        self.embedded += len(missing)
        for text in missing:
            seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
            vector = (np.random.default_rng(seed).normal(size=384) + self.common).astype(np.float32)
            self.known[text] = vector / np.linalg.norm(vector)
        return np.stack([self.known[text] for text in texts]) if len(texts) else np.zeros((0, 384), np.float32)


def contamination(problems: int, items: int, embedded: int) -> None:
    """Problems held against benchmark items: embedding apart from search, search beside one matrix product, a second run."""
    from ocr_assets.problems.decontamination.benchmarks import item_of
    from resources.lake import RunInfo

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "documents"
        write_documents(path, problems + items, seed=3)
        documents = [text for batch in Documents(path).batches() for text in batch]
        asked = [item_of(f"bench{row % 5}", str(row), documents[problems + row]) for row in range(items)]

        with project_lake(Path(folder) / "lake") as lake:

            def writing():
                return lake.write(RunInfo("bench"), "contamination_report")

            with writing() as write:
                put_problems(write, (problem(row, statement=documents[row]) for row in range(problems)))
            real = Embedder(cache=Path(folder) / "cache")
            model = real if embedded >= problems else KeptVectors()
            start = time.perf_counter()
            questions = model.embed([item["question"] for item in asked])
            texts = model.embed(documents[:problems])
            if model is real:
                print(f"embedding all {problems + items:,} texts, none kept before: {time.perf_counter() - start:.0f} s")
            product = min(timed(lambda: texts @ questions.T) for _ in range(3))
            start = time.perf_counter()
            done = screening.screen(lake, writing, asked, model, DecontaminationSettings())
            wall = time.perf_counter() - start
            blocks = range(0, problems, similarity.BLOCK)
            groups = np.arange(items) % 5
            search = min(
                timed(
                    lambda: [
                        similarity.nearest(texts[b : b + similarity.BLOCK], questions, groups, screening.COSINE_FLOOR, 3)
                        for b in blocks
                    ]
                )
                for _ in range(3)
            )
            print(f"{problems:,} problems against {items:,} items, 384 dimensions")
            print(
                f"one matrix product {product:.2f} s; exact search with top-k {search:.2f} s: {search / product:.2f} x the product"
            )
            print(f"whole first screening {wall:.1f} s: {', '.join(f'{k} {v:.1f} s' for k, v in done.seconds.items())}")
            before = model.embedded
            start = time.perf_counter()
            again = screening.screen(lake, writing, asked, model, DecontaminationSettings())
            seconds = time.perf_counter() - start
            print(f"second run: {seconds:.2f} s, {model.embedded - before} embeddings, {again.problems + again.items} compared")
            more = [*asked, *(item_of("new release", str(row), f"{documents[row]} anew") for row in range(100))]
            start = time.perf_counter()
            newer = screening.screen(lake, writing, more, model, DecontaminationSettings())
            print(
                f"100 new items: {time.perf_counter() - start:.1f} s, {newer.items} items and {newer.problems} problems compared anew"
            )
        sample = [f"{documents[row]} once more" for row in range(min(embedded, 2000))]
        real.embed(sample[:1])
        seconds = timed(lambda: real.embed(sample))
        again = timed(lambda: real.embed(sample))
        print(
            f"embedding (all-MiniLM-L6-v2, this machine): {len(sample) / seconds:.1f} texts/s; from the cache {len(sample) / again:,.0f} texts/s"
        )


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help="planted, throughput, overlaps, contamination, memory; default all")
    parser.add_argument("--documents", type=int, default=100_000, help="statements of the throughput part")
    parser.add_argument("--only", nargs="*", default=list(CONTENDERS), help=f"contenders: {', '.join(CONTENDERS)}")
    parser.add_argument("--embedded", type=int, default=500, help="texts really embedded, to tell the speed; 30000: all")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.contender:
        contender(chosen.contender, chosen.file)
        return
    parts: dict[str, Callable[[], None]] = {
        "planted": planted,
        "throughput": lambda: throughput(chosen.documents, chosen.only),
        "overlaps": real_overlaps,
        "contamination": lambda: contamination(30_000, 3_000, chosen.embedded),
        "memory": lambda: memory_curve(chosen.documents),
    }
    for name in chosen.parts or parts:
        print(f"\n== {name}", flush=True)
        parts[name]()


if __name__ == "__main__":
    main()
