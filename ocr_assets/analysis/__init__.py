"""Numbers and pictures about the data: token statistics (``tokens.py``), plots (``plots.py``)."""
