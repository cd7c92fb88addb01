"""The files of a run's box, which a hostile program has filled: links, pipes and thousands of nested folders are known pranks."""

import os


def regular(path, limit):
    """The content of a regular file; None (told to the caller as absent) for anything else."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return read(fd, limit) if (os.fstat(fd).st_mode & 0o170000) == 0o100000 else None
    finally:
        os.close(fd)


def write(path, content):
    """A file, with the folders it is to lie in."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def remove(path):
    """Remove a file or a whole tree of ours, whatever its modes and depth, following no link and recursing nowhere:
    thousands of nested folders are a known prank. What cannot be removed is left for the caller's check to find."""
    try:
        if not _is_folder(path):
            os.unlink(path)
            return
        os.chdir(os.path.dirname(path))
        trail = [os.path.basename(path)]
        _enter(trail[0])
        while trail:
            inner = None
            with os.scandir(".") as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        inner = entry.name
                        break
                    os.unlink(entry.name)
            if inner is None:
                os.chdir("..")
                os.rmdir(trail.pop())
            else:
                trail.append(inner)
                _enter(inner)
    except OSError:
        return


def _enter(name):
    os.chmod(name, 0o700)
    os.chdir(name)


def _is_folder(path):
    return not os.path.islink(path) and os.path.isdir(path)


def read(fd, limit):
    """At most ``limit`` bytes of an open file, from its beginning."""
    size = min(limit, os.fstat(fd).st_size)
    chunks, position = [], 0
    while position < size and (chunk := os.pread(fd, size - position, position)):
        chunks.append(chunk)
        position += len(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
