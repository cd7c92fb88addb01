"""Where untrusted code runs: the interface (``api.py``) and its two implementations.

``docker_pool.py`` runs programs in warm, hardened containers; ``process.py`` runs them under rlimits only, for the
bundled corpus on a machine without an engine. Judging what came out is ``ocr_assets/grading``.
"""
