"""Things that belong together."""


class Groups:
    """Disjoint groups of the numbers 0 to n - 1, joined two at a time; finding flattens the way it went."""

    def __init__(self, n):
        self.parent = list(range(n))

    def find(self, member):
        while self.parent[member] != member:
            self.parent[member] = self.parent[self.parent[member]]
            member = self.parent[member]
        return member

    def join(self, one, other):
        self.parent[self.find(one)] = self.find(other)


class Node:
    """A node."""

    value = None
