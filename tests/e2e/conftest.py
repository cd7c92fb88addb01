"""Fixtures of the end-to-end tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from graph import demo

__all__ = ["demo"]
