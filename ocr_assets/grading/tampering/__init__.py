"""Programs that want to be accepted without being right: what in the code could deceive a test, and suites that must fail."""
