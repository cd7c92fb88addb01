"""The last few of many."""


class RingBuffer:
    """Holds the last ``size`` values that were put in, in the order in which they came."""

    def __init__(self, size):
        self.values = [None] * size
        self.count = 0

    def put(self, value):
        self.values[self.count % len(self.values)] = value
        self.count += 1

    def __iter__(self):
        size = len(self.values)
        for place in range(max(0, self.count - size), self.count):
            yield self.values[place % size]
