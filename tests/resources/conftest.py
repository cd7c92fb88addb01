"""This folder on the path, for the programs in ``attacks.py``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
