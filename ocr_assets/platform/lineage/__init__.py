"""Questions about where rows come from and what became of them.

``macros.sql`` holds the views and macros stored in the lake; ``report.py`` prints their answers for people.
The edges themselves are written by each stage through ``resources/lake/lake.py``.
"""

from importlib.resources import files

MACROS = files(__name__).joinpath("macros.sql").read_text(encoding="utf-8")

__all__ = ["MACROS"]
