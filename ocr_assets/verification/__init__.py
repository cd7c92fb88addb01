"""The verification stage: solutions graded against test suites in the sandbox, suites validated, verdicts joined into triplets.

``grading`` makes a verdict, ``tampering`` looks a second time at accepted programs, ``validation`` says how far a suite can be
trusted, ``triplets.py`` joins question, solution and verdict. How untrusted code is run is in ``resources/sandbox``.
"""
