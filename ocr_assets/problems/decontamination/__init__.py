"""Which problems restate a benchmark item: measured, judged, reviewed by people, decided, reported."""
