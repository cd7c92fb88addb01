"""Pictures: drawn from what queries give, nulls and empty groups included."""

import struct
from collections.abc import Callable

import pytest

from ocr_assets.platform import plots

ROWS = [
    {"value": "taco", "verdict": "accepted", "rows": 3},
    {"value": "apps", "verdict": None, "rows": 2},
    {"value": "apps", "verdict": "wrong_answer", "rows": 1},
]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.bars({"kept": 3, "dropped: too long": 0}, "Rows"),
        lambda: plots.histogram([1.0, 2.0, 2.0], "Tokens", "tokens", {"median": 2}),
        lambda: plots.stacked_verdicts(ROWS, "Verdicts by source"),
        lambda: plots.stacked_verdicts(ROWS[:1], "One"),
    ],
)
def test_a_picture_is_a_png_that_fits_a_page_and_the_event_log(draw: Callable[[], bytes]) -> None:
    png = draw()
    assert png.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", png[16:24])
    assert 300 < width < 900 and 100 < height < 900
    assert len(png) < 50_000
