"""Which C++ standards are tried, in which order and how often; the compiler is a function here."""

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.grading import standards
from resources.sandbox.api import Outcome

ALL = ("gnu++14", "gnu++17", "gnu++20", "gnu++23")
AMBIGUOUS = "runtime_error: main.cpp:3:9: error: reference to 'data' is ambiguous"
UNKNOWN = "runtime_error: g++: error: unrecognized command-line option '-std=gnu++23'; did you mean '-std=gnu++2a'?"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(standards, "_taken", standards._Taken())
    yield


def outcome(complaint: str | None, diagnosed: bool = True) -> Outcome:
    return Outcome(complaint is None, complaint or "", [], "", "", 1.0, diagnosed)


def tried(source: str, complaints: Mapping[str, str | None], diagnosed: bool = True) -> tuple[list[str], Outcome]:
    """The standards that were tried on a program, and what came of it. ``complaints``: None where a standard takes it."""
    asked: list[str] = []

    def compiled(standard: str) -> Outcome:
        asked.append(standard)
        return outcome(complaints.get(standard, "error: no"), diagnosed)

    return asked, standards.first_accepted(source, compiled)


@pytest.mark.parametrize(
    ("source", "first"),
    [
        ("int main() {}", "gnu++17"),
        ("#include <print>\nint main() {}", "gnu++23"),
        ("int main() { std::println(\"{}\", 1); }", "gnu++23"),
        ("auto v = x | views::enumerate;", "gnu++23"),
        ("#include <ranges>", "gnu++20"),
        ("if (seen.contains(x)) {}", "gnu++20"),
        ("auto operator<=>(const P&) const = default;", "gnu++20"),
    ],
)  # fmt: skip
def test_the_source_says_which_is_likeliest(source: str, first: str) -> None:
    assert standards.order(source)[0] == first
    assert set(standards.order(source)) == set(standards.USUAL)


def test_a_program_that_none_takes_is_refused_with_the_first_complaint() -> None:
    asked, found = tried("int main() {}", {"gnu++17": "error: seventeen", "gnu++20": "error: twenty"})
    assert asked == ["gnu++17", "gnu++20", "gnu++23"]
    assert found.compile_message == "error: seventeen"


def test_an_ambiguous_name_is_tried_with_an_older_standard_next() -> None:
    asked, found = tried("int data;", {"gnu++17": AMBIGUOUS, "gnu++14": None})
    assert asked == ["gnu++17", "gnu++14"] and found.compiled
    asked, found = tried("int main() {} // ambiguous by all", dict.fromkeys(ALL, AMBIGUOUS))
    assert asked == ["gnu++17", "gnu++14", "gnu++20", "gnu++23"] and not found.compiled


def test_a_standard_that_the_compiler_does_not_offer_is_passed_over() -> None:
    asked, found = tried("#include <print>", {"gnu++23": UNKNOWN, "gnu++20": "error: twenty"})
    assert asked == ["gnu++23", "gnu++20", "gnu++17"]
    assert found.compile_message == "error: twenty"


def test_a_compiler_that_ran_out_of_time_is_not_asked_again() -> None:
    asked, found = tried("int main() {}", {"gnu++17": "time_limit: "}, diagnosed=False)
    assert asked == ["gnu++17"] and not found.compiled


def test_a_program_that_comes_again_begins_with_the_standard_that_took_it() -> None:
    takes_20 = {"gnu++20": None}
    assert tried("struct P {};", takes_20)[0] == ["gnu++17", "gnu++20"]
    assert tried("struct P {};", takes_20)[0] == ["gnu++20"]
    assert tried("struct P {};", {"gnu++17": None})[0] == ["gnu++20", "gnu++17"], "another compiler may see it otherwise"


@given(st.sets(st.sampled_from(ALL)), st.sampled_from(["int main() {}", "#include <span>", "#include <expected>"]), st.booleans())
def test_what_one_usual_standard_takes_is_accepted_and_none_is_asked_twice(
    taking: set[str], source: str, ambiguous: bool
) -> None:
    standards._taken = standards._Taken()
    complaint = AMBIGUOUS if ambiguous else "error: no"
    asked, found = tried(source, {standard: None if standard in taking else complaint for standard in ALL})
    assert len(set(asked)) == len(asked)
    assert found.compiled == bool(taking & set(ALL if ambiguous else standards.USUAL))
