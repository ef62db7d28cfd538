"""A flash in RAM whose supply can fail at any write, for MicroPython's own FAT."""

import vfs

BLOCK = 512


class Ram:
    """A block device; after `allowed` more writes its supply is gone, in the midst of one if
    `torn`.
    """

    blocks = 64

    def __init__(self, data=None, torn=False):
        self.data = bytearray(data or BLOCK * self.blocks)
        self.allowed = None
        self.torn = torn
        self.writes = 0
        self.dead = False
        self.answer = -5  # of the dead device

    def readblocks(self, number, buffer, offset=0):
        if self.dead:
            return self.answer
        at = number * BLOCK + offset
        buffer[:] = self.data[at : at + len(buffer)]
        return 0

    def writeblocks(self, number, buffer, offset=0):
        if self.dead:
            return self.answer
        for start in range(0, len(buffer), BLOCK):
            part = memoryview(buffer)[start : start + BLOCK]
            at = number * BLOCK + offset + start
            if self.writes == self.allowed:
                if self.torn:
                    half = len(part) // 2
                    self.data[at : at + half] = part[:half]
                self.dead = True
                return -5
            self.writes += 1
            self.data[at : at + len(part)] = part
        return 0

    def ioctl(self, operation, argument):
        if operation == 4:  # without memory: a file may be closed while it is collected
            return self.blocks
        return BLOCK if operation == 5 else 0


class Mounted:
    """Context manager: the device is the file system at /cut."""

    def __init__(self, device):
        self._device = device

    def __enter__(self):
        vfs.mount(vfs.VfsFat(self._device), "/cut")

    def __exit__(self, *error):
        vfs.umount("/cut")


def formatted(kind=Ram):
    """A device with an empty file system."""
    device = kind()
    vfs.VfsFat.mkfs(device)
    return device
