"""The verification stage: solutions graded against test suites in the sandbox, suites validated, verdicts joined into triplets.

``validation`` says how far a suite can be trusted, ``ungraded.py`` which solutions have no verdict yet, ``triplets.py`` joins
question, solution and verdict. How a verdict is made is ``ocr_assets/grading``.
"""
