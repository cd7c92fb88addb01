"""How client and supervisor talk: frames on two descriptors. The messages are described in the README beside this folder."""

import json
import os
import select
import struct
import time

FLUSH_S = 0.005  # answers wait at most this long for company: a message costs more than a quick test
CHUNK = 1024 * 1024
END = json.dumps({"op": "end", "sizes": []}).encode()


class Channel:
    """Frames on two descriptors: 4 bytes length, JSON header, then the blobs whose lengths the header lists."""

    def __init__(self, source, sink):
        self._source, self._sink = source, sink
        self._inbox, self._outbox = bytearray(), []
        self._wanted = 4
        self._flushed = 0.0

    def close(self):
        """Close both descriptors."""
        os.close(self._source)
        os.close(self._sink)

    def receive(self):
        """The next message; None at the end of the stream."""
        while True:
            message = self._parse()
            if message is not None:
                return message
            self.flush()
            chunk = os.read(self._source, CHUNK)
            if not chunk:
                return None
            self._inbox += chunk

    def look(self):
        """Take in what the client sends meanwhile; end with it where it is gone, however long a run may still last. Whether it
        wants no more of the runs it has sent."""
        if self._outbox:  # the run may last long, and by this answer the client may see that it is not wanted
            self.flush()
        if select.select([self._source], [], [], 0)[0]:
            chunk = os.read(self._source, CHUNK)
            if not chunk:
                os._exit(0)
            self._inbox += chunk
        return self._inbox.endswith(END) and self._ends()

    def _ends(self):
        """Whether an ``end`` is among the messages that have come. The client waits for its answer, so it is the last."""
        box, position, message = self._inbox, 0, {}
        while len(box) >= position + 4:
            size = struct.unpack_from(">I", box, position)[0]
            if len(box) < position + 4 + size:
                return False
            message = json.loads(box[position + 4 : position + 4 + size])
            position += 4 + size + sum(message["sizes"])
        return message.get("op") == "end"

    def _parse(self):
        box = self._inbox
        if len(box) < self._wanted:
            return None
        size = struct.unpack_from(">I", box)[0]
        if len(box) < 4 + size:
            self._wanted = 4 + size
            return None
        message = json.loads(box[4 : 4 + size])
        total = 4 + size + sum(message["sizes"])
        if len(box) < total:
            self._wanted = total
            return None
        position, blobs = 4 + size, []
        for length in message["sizes"]:
            blobs.append(bytes(box[position : position + length]))
            position += length
        message["blobs"] = blobs
        del box[:total]
        self._wanted = 4
        return message

    def send(self, message, blobs=()):
        """Queue a message; it leaves with the next, or when the supervisor has nothing to do."""
        text = json.dumps({**message, "sizes": [len(blob) for blob in blobs]}).encode()
        self._outbox += [struct.pack(">I", len(text)), text, *blobs]
        if time.monotonic() - self._flushed > FLUSH_S:
            self.flush()

    def flush(self):
        view = memoryview(b"".join(self._outbox))
        self._outbox.clear()
        while view:
            view = view[os.write(self._sink, view) :]
        self._flushed = time.monotonic()
