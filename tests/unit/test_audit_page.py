"""What strangers wrote stands on the page of an audit as text: no mark, tag, link, picture or further cell comes of it."""

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ocr_assets.analysis.audit import LONGEST_CELL, cell
from ocr_assets.platform.visible import visible

PAGE = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")


@given(st.text(alphabet=st.one_of(st.sampled_from("|<>`*_[]()!#&;\\~$@:/.-\n\r\t ahtpw"), st.characters()), max_size=60))
@example("| <script>alert(1)</script> |")
@example("![x](http://evil/y.png) [a](javascript:b) <http://evil> `code` **b** ~~s~~ &lt; \\| \\")
@example("a\n\n# heading\n")
def test_a_cell_is_text_and_one_cell(text: str) -> None:
    tokens = PAGE.parse(f"| one | two |\n|---|---|\n| {cell(text)} | end |\n")
    assert [token.type for token in tokens].count("td_open") == 2
    inline = [token for token in tokens if token.type == "inline"][2]
    assert {child.type for child in inline.children or []} <= {"text", "text_special"}, inline
    shown = " ".join(visible(text).split())
    cut = shown if len(shown) <= LONGEST_CELL else shown[: LONGEST_CELL - 1] + "…"
    assert "".join(child.content for child in inline.children or []) == cut


def test_links_that_pages_make_by_themselves_are_broken() -> None:
    assert cell("http://evil") == "http\\://evil" and cell("WWW.evil.com") == "WWW\\.evil.com" and cell("@me") == "\\@me"


def test_values_are_written_as_people_do() -> None:
    assert [cell(value) for value in (None, True, False, 1234567, 33.3, "x" * 500)] == [
        "",
        "yes",
        "no",
        "1,234,567",
        "33.3",
        "x" * 119 + "…",
    ]
