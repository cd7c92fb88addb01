"""Where untrusted code runs: the interface (``api.py``) and its implementations.

``docker_pool.py`` runs programs in warm, hardened containers; ``ray_pool.py`` does so on all machines of a Ray cluster;
``process.py`` runs them under rlimits only, for the bundled corpus on a machine without an engine. Judging what came out is
``ocr_assets/grading``.
"""
