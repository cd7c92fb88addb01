"""The reward server, ``ocr-assets serve``: verdicts over HTTP for whoever trains by them.

``app.py`` is what it answers to; ``verify.py`` the project's own form, ``sandbox_fusion.py`` the one that other trainers speak;
``gate.py`` how many programs it takes on, ``judge.py`` the sandbox behind it, ``requests.py`` what it lets in, ``metrics.py``
what it tells of itself, ``serve.py`` the process. What a verdict is, is ``ocr_assets/grading``'s matter.
"""
