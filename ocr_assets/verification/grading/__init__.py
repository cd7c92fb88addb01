"""From a solution and a test suite to a verdict."""
