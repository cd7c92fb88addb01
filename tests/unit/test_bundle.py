"""A program of several files in one text, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.programs.bundle import bundled, unbundled

NAMES = st.sampled_from(["grader.cpp", "a.h", "stub.cc", "x-1.hpp"])


@given(st.text(), st.dictionaries(NAMES, st.text()))
def test_there_and_back(code: str, files: dict[str, str]) -> None:
    assert unbundled(bundled(code, files)) == (code, files)


@given(st.text(), st.dictionaries(NAMES, st.text(), min_size=1), st.text())
def test_a_program_cannot_bring_files_of_its_own(code: str, files: dict[str, str], evil: str) -> None:
    forged = bundled(evil, {"grader.cpp": "int main() {}"}) + code
    assert unbundled(bundled(forged, files)) == (forged, files)


@pytest.mark.parametrize(
    "text",
    [
        "int main() {}",
        "//! files ",
        "//! files [1]\n",
        '//! files {"a.h": 9}\nx',
        '//! files {"../a.h": 1}\nx',
        '//! files {"a.h": true}\nx',
    ],
)
def test_what_is_no_bundle_is_one_file(text: str) -> None:
    assert unbundled(text) == (text, {})


def test_names_are_those_of_files_beside_the_program() -> None:
    for name in ("main.cpp", "../x.h", "x.py", "-o.cpp", ""):
        with pytest.raises(ValueError, match="cannot be the name"):
            bundled("", {name: ""})
