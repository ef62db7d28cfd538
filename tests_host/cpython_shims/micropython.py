"""MicroPython's `micropython` module for CPython: what the device code uses of it."""


def const(value):
    """A compile-time constant on the board, the value itself here."""
    return value


def opt_level(level=None):
    return 0


def mem_info(verbose=None):
    pass


def kbd_intr(char):
    pass
