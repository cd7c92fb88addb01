"""The other world of a talk: the runner in a container beside ours, and what runs there with what our programs talk to.

Nothing is shared with it but the two pipes of a run, so neither side's files, processes, memory, limits or control group can
be felt by the other. The two containers share a network without any device; in it the second runner finds the first by a name
that only the client knows. From then on the first is its client, by the same protocol. How a run goes is ``runs.py``.
"""

import mmap
import os
import socket
import struct

from runner.basics import memfd
from runner.channel import Channel

START_S = 120  # a partner that has not come by then is broken


class Partner:
    """The first runner's view of the second, which is awaited under ``name``. Raises ``RuntimeError`` where it breaks."""

    def __init__(self, name):
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind("\0" + name)
        self._listener.listen(1)
        self._channel = self._lane = self._link = None
        self._ending = False

    def open(self, wanted, source):
        """What the partner says of a program: as ``Programs.open``."""
        if self._channel is None:
            self._accept()
        self._ending = False
        self._channel.send({**wanted, "op": "program"}, [source])
        return self._receive()

    def begin(self, message, files, fds):
        """Start a run there. ``fds``: its stdin and stdout, and a board."""
        self._channel.send(
            {**message, "op": "run", "kind": "stdin", "talk": True, "files": list(files)}, [b"", b"", *files.values()]
        )
        self._channel.flush()
        socket.send_fds(self._lane, [b"run"], fds)

    def outcome(self):
        """The answer to a run that was begun: (facts, [stdout, stderr, *collected])."""
        answer = self._receive()
        return answer, answer.pop("blobs")

    def end(self):
        """No more runs of this program."""
        if not self._ending:
            self._ending = True
            self._channel.send({"op": "end"})
            self._channel.flush()

    def close(self):
        """End what the partner has of this program."""
        self.end()
        while not self._receive().get("clean"):
            pass

    def fileno(self):
        """Readable when there is an answer."""
        return self._link.fileno()

    def _accept(self):
        self._listener.settimeout(START_S)
        self._link, _ = self._listener.accept()
        self._listener.close()
        self._link.setblocking(True)
        _, uid, _ = struct.unpack("3i", self._link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid != os.getuid():
            raise RuntimeError("the partner is somebody else")
        _, (lane,), _, _ = socket.recv_fds(self._link, 1, 1)
        self._lane = socket.socket(fileno=lane)
        self._channel = Channel(self._link.fileno(), self._link.fileno())
        self._receive()  # that it is ready

    def _receive(self):
        answer = self._channel.receive()
        if answer is None:
            raise RuntimeError("the partner has ended")
        answer.pop("sizes")
        return answer


def join(name):
    """For the second runner: (its channel, the lane on which descriptors come)."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.connect("\0" + name)
    lane, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    socket.send_fds(link, [b"\0"], [theirs.fileno()])
    theirs.close()
    source = link.detach()
    return Channel(source, os.dup(source)), lane


def take(lane):
    """The descriptors of the next run."""
    _, fds, _, _ = socket.recv_fds(lane, 16, 3)
    if len(fds) != 3:
        raise RuntimeError("the first runner has ended")
    return fds


class Board:
    """How long a busy host has let each side of a talk wait for a core, where both can see it: of one that waits for the other,
    the other's waiting counts as well. ``fd``: an existing board's."""

    _SIDE = struct.Struct("d")

    def __init__(self, side, fd=None):
        self.fd = memfd("board", bytes(2 * self._SIDE.size)) if fd is None else fd
        self._memory = mmap.mmap(self.fd, 2 * self._SIDE.size)
        self._side = side

    def say(self, seconds):
        self._SIDE.pack_into(self._memory, self._SIDE.size * self._side, seconds)

    def heard(self):
        return self._SIDE.unpack_from(self._memory, self._SIDE.size * (1 - self._side))[0]

    def close(self):
        self._memory.close()
        os.close(self.fd)
