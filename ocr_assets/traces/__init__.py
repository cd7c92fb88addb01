"""Questions to the teacher and what comes of its answers: prompts, plan, collection, parsing.

``r1_traces`` keeps the raw responses, ``solutions`` takes them apart. Who answers is ``resources/models``.
"""
