"""Where a quoted text stands in the reasoning, though whoever quoted it changed signs, spaces or words.

Three ways, each tried where the one before finds nothing: the very text; its words, whatever stands between them; words that are
alike. For the last, sequences of three words that both have say where to look, and the diff of that window says from where to
where, and how alike it is. Of several places the next one after the span before counts, since annotators go through a text from
its beginning. Time grows with the length of both texts, not with their product: quotes are invented, and texts repeat themselves.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher

# Words; where a script has none between spaces, its letters.
_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힯]|[^\W぀-ヿ㐀-鿿가-힯]+")
LEAST_LIKENESS = 0.6
_GRAM = 3
_PLACES = 16  # of one sequence of words that are looked at: of a loop's thousands the first ones are as good as any
_DIFFED = 200  # words at each end of a quote that are diffed


@dataclass(frozen=True)
class Place:
    """From where to where, in characters; how it was found (exact, words, alike), and how alike the words are, 0 to 1."""

    start: int
    end: int
    found: str
    likeness: float


class Reasoning:
    """A text in which quotes are looked up."""

    def __init__(self, text: str) -> None:
        self.text = text
        found = list(_WORD.finditer(text))
        self._starts = [match.start() for match in found]
        self._ends = [match.end() for match in found]
        self._words = [match.group().casefold() for match in found]
        self._joined = " " + " ".join(self._words) + " "
        self._offsets: list[int] = []  # of each word in the joined text
        offset = 1
        for word in self._words:
            self._offsets.append(offset)
            offset += len(word) + 1
        self._grams: dict[tuple[str, ...], list[int]] | None = None

    def place_of(self, quote: str, after: int = 0) -> Place | None:
        """Where ``quote`` stands: the first place from character ``after`` on if there is one, else the last before."""
        quote = quote.strip()
        if not quote:
            return None
        start = _find(self.text, quote, after)
        if start >= 0:
            return Place(start, start + len(quote), "exact", 1.0)
        words = [match.group().casefold() for match in _WORD.finditer(quote)]
        if not words:
            return None
        return self._same_words(words, after) or self._alike(words, after)

    def words_between(self, start: int, end: int) -> int:
        """How many words stand wholly between two characters."""
        return max(0, bisect_right(self._ends, end) - bisect_left(self._starts, start))

    def _same_words(self, words: list[str], after: int) -> Place | None:
        index = bisect_left(self._starts, after)
        begin = self._offsets[index] - 1 if index < len(self._offsets) else len(self._joined)
        found = _find(self._joined, " " + " ".join(words) + " ", begin)
        if found < 0:
            return None
        first = bisect_left(self._offsets, found + 1)
        return Place(self._starts[first], self._ends[first + len(words) - 1], "words", 1.0)

    def _alike(self, words: list[str], after: int) -> Place | None:
        """The most alike place of at least three words; a long quote by its two ends, which stand as far apart as there."""
        if len(words) < _GRAM:
            return None
        if len(words) <= 2 * _DIFFED:
            matched = self._window(words, after)
            return matched and self._place(matched[0], matched[1], matched[2] / max(len(words), matched[1] - matched[0]))
        head = self._window(words[:_DIFFED], after)
        tail = head and self._window(words[-_DIFFED:], self._ends[head[1] - 1])
        if not head or not tail or not 0.5 <= (tail[1] - head[0]) / len(words) <= 2:
            return None
        wanted, there = (Counter(_grams(part)) for part in (words, self._words[head[0] : tail[1]]))
        return self._place(head[0], tail[1], (wanted & there).total() / max(wanted.total(), there.total()))

    def _place(self, first: int, last: int, likeness: float) -> Place | None:
        if likeness < LEAST_LIKENESS:
            return None
        return Place(self._starts[first], self._ends[last - 1], "alike", round(likeness, 4))

    def _window(self, words: list[str], after: int) -> tuple[int, int, int] | None:
        """(first word, behind the last word, words that match) of the stretch most like ``words``."""
        near = self._guess(words, after)
        if near is None:
            return None
        slack = 4 + len(words) // 3
        begin, end = max(0, near - slack), min(len(self._words), near + len(words) + slack)
        same = bytearray(end - begin)
        for block in SequenceMatcher(None, self._words[begin:end], words).get_matching_blocks():
            same[block.a : block.a + block.size] = b"\1" * block.size
        # The stretch in which matching words most outnumber the others: a lone "the" far off does not make it longer.
        best, best_from, best_to, total, origin = 0, 0, 0, 0, 0
        for place, match in enumerate(same):
            total += 1 if match else -1
            if total <= 0:
                total, origin = 0, place + 1
            elif total > best:
                best, best_from, best_to = total, origin, place + 1
        return (begin + best_from, begin + best_to, sum(same[best_from:best_to])) if best else None

    def _guess(self, words: list[str], after: int) -> int | None:
        """Where ``words`` would begin, by the sequences of three that they share with the text: most agree on it."""
        if self._grams is None:
            self._grams = {}
            for place, gram in enumerate(_grams(self._words)):
                self._grams.setdefault(gram, []).append(place)
        step, first = max(4, len(words) // 4), bisect_left(self._starts, after)
        votes: Counter[int] = Counter()
        for index, gram in enumerate(_grams(words)):
            places = self._grams.get(gram, ())
            here = bisect_left(places, first)
            for place in (*places[here : here + _PLACES], *places[: max(0, _PLACES - (len(places) - here))]):
                votes[(place - index) // step] += 1
        if not votes:
            return None
        behind = first // step
        chosen = max(votes, key=lambda bucket: (votes[bucket] + votes[bucket + 1], bucket >= behind - 1, -abs(bucket - behind)))
        return max(0, chosen * step)


def _find(text: str, wanted: str, begin: int) -> int:
    found = text.find(wanted, begin)
    if found >= 0 or begin == 0:
        return found
    # The last place before. find takes linear time, rfind that of both lengths' product where a text repeats itself.
    turned = text[::-1].find(wanted[::-1])
    return len(text) - turned - len(wanted) if turned >= 0 else -1


def _grams(words: list[str]) -> list[tuple[str, ...]]:
    return list(zip(*(words[offset:] for offset in range(_GRAM)), strict=False))


__all__ = ["LEAST_LIKENESS", "Place", "Reasoning"]
