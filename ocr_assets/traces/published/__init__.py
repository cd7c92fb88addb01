"""The teacher ``published``: answers that others released become rows of ``r1_traces``, and nobody is asked.

``places.py``: which problem an answer belongs to; ``reading.py``: from files to the lake, in batches that a killed run goes on
after. What the rows of a dataset mean is said by ``ocr_assets/generation/published``.
"""
