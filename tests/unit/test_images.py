"""Which base an image is made on; making one needs an engine and is tested with the sandbox."""

import pytest

from resources.sandbox.images import DEFAULT_BASE, bootstrap_tag


@pytest.mark.parametrize(
    ("base", "release"),
    [
        (DEFAULT_BASE, "bookworm"),
        ("debian:trixie", "trixie"),
        ("debian:trixie-slim", "trixie"),
        ("debian:12", "bookworm"),
        ("registry.example.org/team/base:1", "bookworm"),
    ],
)
def test_debootstrap_makes_the_release_of_debian_that_is_asked_for(base: str, release: str) -> None:
    assert bootstrap_tag(base).startswith(f"ocr-assets/base:{release}-")
