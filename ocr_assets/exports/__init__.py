"""What leaves the lake: release files, each with a dataset card and a manifest.

One path for every profile of a release:

* ``settings.py``: which triplets are released (``ReleaseSettings``)
* ``profiles.py``: the kinds of release, each with its settings, columns and dependencies
* ``selection.py``: those settings as SQL over the lake, with the reason for every triplet left out
* ``sft.py``, ``kodcode.py``: profiles, that is the columns of a release
* ``release.py``: checks rows, versions them, has them written, tells Dagster
* ``ledger.py``: the versions and their rows in the lake
* ``writer.py``: rows to Parquet shards; where they lie is ``ocr_assets/platform/release_folders.py``
* ``card.py``, ``card.md.jinja``: the dataset card
* ``assets.py``: an asset a release
"""
