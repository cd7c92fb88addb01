"""From a solution and a test suite to a verdict (docs/grading.md).

A room of its own below the stages: ``verification`` judges the teacher's answers by it, ``synthesis`` suites and solutions that
were made together. ``tampering`` looks a second time at accepted programs. How untrusted code is run is in ``resources/sandbox``.
"""
