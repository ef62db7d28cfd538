"""`machine` of a virtual board: nearly all of it is at the other end, see world.py."""

from world import Remote, Reset  # noqa: F401 - Reset for those who catch it

_machine = Remote("machine")


def __getattr__(name):
    module = _machine
    if name in ("Timer", "RTC"):
        import machine_time as module
    return getattr(module, name)
