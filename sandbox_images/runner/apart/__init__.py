"""A test suite and the program it tests, each in a process of its own (docs/grading.md, §3).

``suite.py`` is the suite's process, which sees stand-ins (``standins.py``) where it imports the solution; ``program.py`` is
the solution's, which sees calls. What goes between them is plain data (``data.py``) in frames on a socket pair
(``peer.py``). Nothing of the program's ever runs in the suite's process, and nothing of the suite's can be reached from the
program's.
"""
