"""What leaves the lake: release files, each with a dataset card and a manifest.

One path for every profile of a release:

* ``settings.py``: which triplets are released (``ReleaseSettings``)
* ``selection.py``: those settings as SQL over the lake, with the reason for every triplet left out
* ``sft.py``, ``kodcode.py``: profiles, that is the columns of a release
* ``release.py``: checks rows, versions them, has them written, tells Dagster
* ``writer.py``: rows to Parquet shards in a folder that is swapped in whole
* ``card.py``, ``card.md.jinja``: the dataset card
* ``assets.py``: an asset a release
"""
