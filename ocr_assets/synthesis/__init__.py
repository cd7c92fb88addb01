"""KodCode's half: questions that a model makes, solutions with tests of their own, self-verified, and what is released of them.

The subsets of questions are data (``subsets/``); who answers is ``resources/models``, what runs is ``resources/sandbox``.
"""
