"""What can be said of code and tests without running them: test suites, syntax."""
