"""Test suites put to the test: reference solutions, rejected submissions and mutants are run against them."""
