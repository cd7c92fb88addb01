"""The page on which a person reads the dataset: rows by filter, a problem with its responses side by side, versions, progress.

``queries.py`` asks the lake and knows no page; ``page.py`` shows what it answers, by Streamlit; ``serve.py`` starts the server.
"""
