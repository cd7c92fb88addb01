"""Untrusted text made safe to look at: characters that a person does not see, but that change what is seen, are written out.

Escape sequences colour, erase or overwrite what stands on a terminal; marks of writing direction show code in another order than
it is run in (CVE-2021-42574, "Trojan Source"). What is stored and released is never changed.
"""

from __future__ import annotations

import re

# Control characters but for line break and tab, marks of direction and invisible joiners, lone surrogates, Unicode's tags.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""``text`` with such characters as ``\x1b`` or ``\u202e``; the line breaks of Windows as plain ones."""
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text.replace("\r\n", "\n"))


__all__ = ["visible"]
