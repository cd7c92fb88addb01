"""From releases to a fine-tuned model: which rows (mixes), how they are packed, by which recipe a model is trained on them.

Mixes and recipes are data (``mixes/``, ``recipes/``). What a model is worth afterwards is told by the room of evaluation.
"""
