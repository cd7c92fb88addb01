"""Models that answer: one interface (``api.py``), three implementations beside it (endpoint, vllm, recorded)."""
