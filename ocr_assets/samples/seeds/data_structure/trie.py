"""Words by their beginnings."""


class Trie:
    """A set of words that also knows the beginnings of its words."""

    def __init__(self):
        self.children = {}
        self.ends = False

    def add(self, word):
        node = self
        for letter in word:
            node = node.children.setdefault(letter, Trie())
        node.ends = True

    def __contains__(self, word):
        node = self
        for letter in word:
            node = node.children.get(letter)
            if node is None:
                return False
        return node.ends
