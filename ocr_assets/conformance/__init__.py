"""The conformance suite: problems, solutions and the verdicts that are right, to run against any grader.

``data/`` holds the data, a file a group; ``cases.py`` reads it, ``check.py`` compares a grader's verdicts with it,
``report.py`` prints, ``ocr_assets/cli/conformance.py`` is ``ocr-assets conformance``. Graders are reached through ``graders.py``;
this project's own is ``own.py``. Protocols and format: README.md beside this file.
"""
