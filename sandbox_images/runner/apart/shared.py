"""What both processes hold: mutable containers, arrays and nodes that have crossed, numbered alike on both sides.

A program may keep a list that it returned or was given, and so may a suite; in one process each would see what the other does
to it later. So each message says first which of these have changed since the one before, and they are changed on the other
side, too. The suite's process says which it holds no longer, and both forget those. What an object holds is compared by
identity, which costs little next to sending it, but not nothing: ``spent`` counts.
"""

import collections
import sys
from operator import is_

SCALARS = {int, str, bool, float, type(None)}
_OF_ONE = 30  # items: what it costs to look at a container at all
_MANY = 200  # of them it is worth finding those that only hold each other


class Table:
    """Containers and nodes by number, and numbers by identity. ``spent``: how many items were looked at."""

    def __init__(self):
        self.containers, self.numbers, self.next = {}, {}, 0
        self.nodes, self.node_numbers, self.next_node = {}, {}, 0
        self._known, self._known_nodes = {}, {}  # what each held when the other side last knew
        self._told = self._told_nodes = 0  # up to which number it knows any
        self._many = _MANY
        self.spent = 0

    def add(self, container):
        """Give a container the next number."""
        self.put(self.next, container)
        self.next += 1

    def put(self, number, container):
        """Give a container a number that is reserved for it."""
        self.containers[number] = container
        self.numbers[id(container)] = number

    def add_node(self, node):
        """Give a node the next number; the number."""
        number = self.next_node
        self.nodes[number] = node
        self.node_numbers[id(node)] = number
        self.next_node += 1
        return number

    def replace(self, number, container):
        """Put another container in the place of one."""
        del self.numbers[id(self.containers[number])]
        self.put(number, container)

    def replace_node(self, number, node):
        """Put another node in the place of one."""
        del self.node_numbers[id(self.nodes[number])]
        self.nodes[number] = node
        self.node_numbers[id(node)] = number

    def forget(self, containers, nodes):
        """These numbers mean nothing any more."""
        for number in self.containers.keys() & containers:
            del self.numbers[id(self.containers.pop(number))]
            self._known.pop(number, None)
        for number in self.nodes.keys() & nodes:
            del self.node_numbers[id(self.nodes.pop(number))]
            self._known_nodes.pop(number, None)

    def forget_all(self):
        """All numbers that there are, which mean nothing any more."""
        numbers = [*self.containers], [*self.nodes]
        self.forget(*numbers)
        return numbers

    def back_to(self, first, first_node):
        """Forget what was numbered since these were the next numbers: the message was not sent after all."""
        self.forget(range(first, self.next), range(first_node, self.next_node))
        self.next, self.next_node = first, first_node

    # ---- what has changed -------------------------------------------------------------------------------------------

    def changes(self):
        """Numbers of containers, and of nodes, that hold something else than the other side knows."""
        changed = []
        for number, known in self._known.items():
            content = _content(self.containers[number])
            self.spent += _OF_ONE + len(content)
            if not _same(content, known):
                changed.append(number)
        self.spent += _OF_ONE * len(self._known_nodes)
        nodes = [number for number, known in self._known_nodes.items() if not _same(_fields(self.nodes[number]), known)]
        return changed, nodes

    @property
    def is_ahead(self):
        """Whether anything was numbered that the other side was not told of."""
        return self._told != self.next or self._told_nodes != self.next_node

    def told(self, containers=(), nodes=()):
        """The other side knows now what these hold, and all that was numbered since it was told last."""
        for number in (*containers, *range(self._told, self.next)):
            if number in self.containers:  # not one that is reserved for a message which is being read
                self._known[number] = _content(self.containers[number])
        for number in (*nodes, *range(self._told_nodes, self.next_node)):
            if number in self.nodes:
                self._known_nodes[number] = _fields(self.nodes[number])
        self._told, self._told_nodes = self.next, self.next_node

    # ---- what is held no longer -------------------------------------------------------------------------------------

    def unheld(self):
        """Numbers of containers, and of nodes, that nobody in this process has any more but this table; they are forgotten. What
        was changed last before that is told first, and forgotten the next time."""
        gone = [number for number in [*self.containers] if _count(self.containers, number) <= _ALONE and self._drop(number)]
        gone_nodes = [number for number in [*self.nodes] if _count(self.nodes, number) <= _ALONE and self._drop_node(number)]
        if len(self.containers) + len(self.nodes) > self._many:
            held, held_nodes = self.held()
            gone += [number for number in self.containers.keys() - held if self._drop(number)]
            gone_nodes += [number for number in self.nodes.keys() - held_nodes if self._drop_node(number)]
            self._many = max(_MANY, 2 * (len(self.containers) + len(self.nodes)))
        return gone, gone_nodes

    def _drop(self, number):
        if not _same(_content(self.containers[number]), self._known.get(number, ())):
            return False
        self.forget((number,), ())  # at once, as what was in it may be held by nobody else
        return True

    def _drop_node(self, number):
        if not _same(_fields(self.nodes[number]), self._known_nodes.get(number, ())):
            return False
        self.forget((), (number,))
        return True

    def held(self, besides=()):
        """Numbers of containers, and of nodes, that can be reached in this process otherwise than from each other and by
        ``besides``: identities of things, for each reference to them that does not count."""
        inside, parts, things = collections.Counter(besides), {}, {}
        for table, known, look in ((self.containers, self._known, _content), (self.nodes, self._known_nodes, _fields)):
            for number in table:
                things[id(table[number])] = table[number]
                now, then = look(table[number]), known.get(number, ())
                if type(now) is not bytes and not set(map(type, (*now, *then))) <= SCALARS:
                    for content in (now, now, then):  # the thing itself, the copy that was just made, and the one of before
                        inside.update(map(id, content))
                    parts[id(table[number])] = now
        waiting = [key for key in things if _count(things, key) - 1 - inside[key] > _ALONE]
        found = set()
        while waiting:
            if (key := waiting.pop()) not in found:
                found.add(key)
                waiting += [id(item) for item in parts.get(key, ()) if id(item) in things]
        numbers = {number for key, number in self.numbers.items() if key in found}
        return numbers, {number for key, number in self.node_numbers.items() if key in found}


def _count(things, key):
    return sys.getrefcount(things[key])


_ALONE = _count({0: []}, 0)  # what the interpreter counts where nobody else has it


# ---- what is in a container -----------------------------------------------------------------------------------------


def _content(container):
    """What a container holds, to be compared later: its items, or bytes. Nothing of the program's is called."""
    kind = type(container)
    if kind is list:
        return container[:]
    if isinstance(container, dict):
        content = [*container, *kind.values(container)]
        return [*content, container.default_factory] if kind is collections.defaultdict else content
    if kind is set or kind is collections.deque:
        return [*container]
    return bytes(container) if kind is bytearray else container.tobytes()


def _fields(node):
    fields = vars(node)
    return [*fields, *fields.values()]


def _same(now, known):
    if type(now) is bytes:
        return now == known
    return len(now) == len(known) and (all(map(is_, now, known)) or all(map(_alike, now, known)))


def _alike(now, known):
    """Whether two items are one, or immutable and equal."""
    if now is known:
        return True
    kind = type(now)
    if kind is not type(known):
        return False
    if kind is float:
        return now.hex() == known.hex()
    if kind is tuple:
        return len(now) == len(known) and all(map(_alike, now, known))
    return kind in SCALARS and now == known
