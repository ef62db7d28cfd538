"""`network` of a virtual board: all of it is at the other end, see world.py."""

from world import Remote

__getattr__ = Remote("network").__getattr__
