"""Which spans of an annotation count, and what of the reasoning they leave out.

Every span that the annotator wrote is kept with a status. Where spans of different patterns overlap, the text between has several
patterns and counts for none; a span most of which is such text is dropped, as in the paper, and one that only touches another
stays. How a text is found is ``aligning.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ocr_assets.analysis.reasoning.aligning import Place, Reasoning
from ocr_assets.analysis.reasoning.tags import Tagged, pattern_of
from ocr_assets.platform.visible import visible
from ocr_assets.schema import AlignedAnnotation, Pattern, Span, SpanStatus

ALIGNER_VERSION = "1"  # another one takes stored answers apart anew; nothing is asked for it
LEAST_WORDS = 4  # what is left out and has fewer words is a scrap that alignment left, and no thought
_QUOTED = 80  # characters of a text that was not found, for people
_MOST = 0.5  # more than so much of a span makes all of it


def initial_spans(tagged: Sequence[Tagged], text: str) -> tuple[list[Span], list[tuple[int, int]]]:
    """The spans of a first annotation of ``text``, in the order written, and the parts of the text that none of them covers."""
    reasoning = Reasoning(text)
    spans: list[Span] = []
    after = [0]  # from where on to look, for each depth: a tag within another is about the other's text
    for one in tagged:
        del after[one.depth + 1 :]
        place = reasoning.place_of(one.text, after[-1])
        spans.append(_span(one, place))
        if place is not None:
            # What is only alike may begin or end some words away.
            after[-1] = place.end if place.found != "alike" else (place.start + place.end) // 2
            after.append(place.start)
        else:
            after.append(after[-1])
    _settle(spans, text)
    taken = _union([(span["start"], span["end"]) for span in spans if span["status"] in ("kept", "several_patterns", "repeated")])
    return spans, [part for part in _between(taken, text) if reasoning.words_between(*part) >= LEAST_WORDS]


def final_spans(tagged: Sequence[Tagged], parts: Sequence[tuple[int, int]], text: str) -> list[Span]:
    """The spans of a second annotation: each names one of ``parts`` by its number from 1."""
    spans: list[Span] = []
    for one in tagged:
        known = one.number is not None and 1 <= one.number <= len(parts)
        place = Place(*parts[one.number - 1], "number", 1.0) if known and one.number is not None else None
        spans.append({**_span(one, place), "note": _shown(one.text)})
        if not known:
            spans[-1]["status"] = "no_such_part"
    _settle(spans, text)
    return spans


def aligned(
    annotation: Mapping[str, Any], status: str, spans: list[Span], parts: Sequence[tuple[int, int]], text: str
) -> AlignedAnnotation:
    """The row of an annotation (a row of ``reasoning_annotations``) whose answer was read as ``status``."""
    kept = _union([(span["start"], span["end"]) for span in spans if span["status"] == "kept"])
    contested = _contested(spans)
    return {
        "annotation_id": annotation["annotation_id"],
        "solution_id": annotation["solution_id"],
        "stage": annotation["stage"],
        "initial_id": annotation["initial_id"],
        "spans": spans,
        "parts": [{"start": start, "end": end} for start, end in parts] if status == "ok" else [],
        "characters": _dense(text, [(0, len(text))]),
        "covered": _dense(text, kept) - _dense(text, _both(kept, contested)),
        "aligner_version": ALIGNER_VERSION,
    }


def marked(text: str, parts: Sequence[tuple[int, int]]) -> str:
    """The reasoning with these parts between numbered tags, as the second annotation is asked about it."""
    pieces, place = [], 0
    for number, (start, end) in enumerate(parts, 1):
        pieces += [text[place:start], f'<unannotated number="{number}">', text[start:end], "</unannotated>"]
        place = end
    return "".join([*pieces, text[place:]])


def _span(one: Tagged, place: Place | None) -> Span:
    pattern = pattern_of(one.said)
    status: SpanStatus = "kept"
    if pattern is None:
        status = "unknown_pattern"
    if place is None:
        status = "unaligned" if one.text else "empty"
    return {
        "pattern": pattern,
        "said": _shown(one.said),
        "status": status,
        "start": place.start if place else None,
        "end": place.end if place else None,
        "found": place.found if place else None,
        "likeness": place.likeness if place else 0.0,
        "note": "" if place else _shown(one.text),
    }


def _shown(text: str) -> str:
    """The beginning of what an annotator wrote, for people; what cannot be seen is written out."""
    return visible(text[:_QUOTED])


def _settle(spans: list[Span], text: str) -> None:
    """Say which of the spans that were found have several patterns, and which repeat another of the same one."""
    contested = _contested(spans)
    said: dict[Pattern, list[tuple[int, int]]] = {}
    for span in sorted(_found(spans), key=lambda span: (span["start"] or 0, -(span["end"] or 0))):
        assert span["start"] is not None and span["end"] is not None and span["pattern"] is not None
        own = (span["start"], span["end"])
        length = own[1] - own[0]
        before = said.setdefault(span["pattern"], [])
        if _length(_both([own], contested)) > _MOST * length:
            span["status"] = "several_patterns"
        elif before and min(before[-1][1], own[1]) - own[0] > _MOST * length:
            span["status"] = "repeated"  # the one before reaches furthest, since they come by their beginnings
        if not before or own[1] > before[-1][1]:
            before.append(own)


def _found(spans: Sequence[Span]) -> Iterator[Span]:
    """The spans that stand somewhere and have a pattern of ours."""
    return (span for span in spans if span["pattern"] is not None and span["start"] is not None)


def _contested(spans: Sequence[Span]) -> list[tuple[int, int]]:
    """Where spans of two patterns or more lie upon each other, in order."""
    by_pattern: dict[str, list[tuple[int | None, int | None]]] = {}
    for span in _found(spans):
        by_pattern.setdefault(str(span["pattern"]), []).append((span["start"], span["end"]))
    turns = sorted(turn for places in by_pattern.values() for start, end in _union(places) for turn in ((start, 1), (end, -1)))
    found, depth, begin = [], 0, 0
    for place, change in turns:
        if depth >= 2 and place > begin:
            found.append((begin, place))
        depth, begin = depth + change, place
    return _union(found)


def _union(places: Sequence[tuple[int | None, int | None]]) -> list[tuple[int, int]]:
    """The same characters in intervals that do not touch, in order."""
    found: list[tuple[int, int]] = []
    for start, end in sorted((start, end) for start, end in places if start is not None and end is not None):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _both(some: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What two sets of intervals, each in order, have in common."""
    found, here = [], 0
    for start, end in some:
        while here < len(others) and others[here][1] <= start:
            here += 1
        place = here
        while place < len(others) and others[place][0] < end:
            found.append((max(start, others[place][0]), min(end, others[place][1])))
            place += 1
    return found


def _between(taken: Sequence[tuple[int, int]], text: str) -> Iterator[tuple[int, int]]:
    """What lies between intervals, without the white space around."""
    place = 0
    for start, end in [*taken, (len(text), len(text))]:
        piece = text[place:start]
        if piece.strip():
            yield place + len(piece) - len(piece.lstrip()), start - (len(piece) - len(piece.rstrip()))
        place = end


def _length(places: Sequence[tuple[int, int]]) -> int:
    return sum(end - start for start, end in places)


def _dense(text: str, places: Sequence[tuple[int, int]]) -> int:
    """How many characters are no white space."""
    return sum(len("".join(text[start:end].split())) for start, end in places)


__all__ = ["ALIGNER_VERSION", "LEAST_WORDS", "aligned", "final_spans", "initial_spans", "marked"]
