"""Questions about where rows come from, what became of them, and what any version of a table or release holds.

The views and macros that are stored in the lake: ``views.sql`` (what people and stages read), ``funnel.sql`` (rows by stage and
fate), ``questions.sql`` (questions about a row), ``versions.sql`` (about versions, costs and releases); docs/questions.md
documents them. ``sql.py`` reads them, ``macros.py`` makes them fit the declared tables, ``report.py`` prints answers for people.
The edges themselves are written by each stage through ``resources/lake/write.py``; what went is noted by
``resources/lake/history.py``.
"""
