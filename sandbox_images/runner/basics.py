"""What the parts of the supervisor share: units, the environment of a run, files in memory. Nothing that acts belongs here."""

import os

MIB = 1024 * 1024
HEAD = 64 * 1024  # bytes of stderr, compiler output and collected files that travel
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def memfd(name, data=b""):
    """A file in memory that holds ``data``, its position at the start."""
    fd = os.memfd_create(name)
    if data:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        os.lseek(fd, 0, os.SEEK_SET)
    return fd
