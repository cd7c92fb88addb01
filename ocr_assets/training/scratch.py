"""``python -m ocr_assets.training.scratch CONFIG_FOLDER OUT SEED``: first weights for a model of which only the shape is given.

A process of its own, since it loads torch.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


def main(base: str, out: str, seed: str) -> None:
    """Write model and tokenizer to ``out``, which appears when it is whole."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, set_seed

    building = Path(f"{out}.{os.getpid()}")
    set_seed(int(seed))
    make: Any = AutoModelForCausalLM.from_config
    model = make(AutoConfig.from_pretrained(base))
    model.save_pretrained(building)
    AutoTokenizer.from_pretrained(base).save_pretrained(building)
    building.rename(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
