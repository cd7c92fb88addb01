"""Numbers and pictures about the data: token statistics (``token_statistics.py``), plots (``plots.py``)."""
