"""How a model is asked: the runner and its request loop, sampling policies, prompts.

Which model answers is a matter of ``resources/models``.
"""
