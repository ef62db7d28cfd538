"""A folder for one test, gone at its end."""

import os
from binascii import hexlify


class Scratch:
    """Context manager; its value is the path. Below `build`, which is not in version control."""

    def __enter__(self):
        for path in ("build", "build/" + str(hexlify(os.urandom(6)), "ascii")):
            try:
                os.mkdir(path)
            except OSError:
                pass  # it is there
        self.path = path
        return path

    def __exit__(self, *error):
        remove(self.path)


def remove(path):
    """Removes a file, or a folder and all in it."""
    if os.stat(path)[0] & 0x4000:
        for name in os.listdir(path):
            remove(path + "/" + name)
        os.rmdir(path)
    else:
        os.remove(path)


def write(path, data):
    """Writes bytes or text."""
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def read(path):
    with open(path, "rb") as file:
        return file.read()
