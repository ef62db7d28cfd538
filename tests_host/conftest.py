"""Gives CPython what device code takes from MicroPython."""

import ticks  # noqa: F401
