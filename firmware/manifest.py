"""The modules to freeze into MicroPython: lib/, firmware/, asyncio and what starts all that.

Given to a MicroPython build as FROZEN_MANIFEST (docs/frozen.md). It freezes for every board: which
one it is, and which objects there are, config.json tells at the start. This file itself, names
that are private constants elsewhere are left out.
"""

import os

_LEFT_OUT = ("firmware/manifest.py", "lib/coap/numbers.py")
_OPTIMISED = 2  # as mpy-cross -O2: no assert, line numbers stay


def _files(folder, package_name):
    # Modules of a package below a folder of the repository, relative to the package.
    top = os.path.join("..", folder, package_name)
    for directory, _, names in sorted(os.walk(top)):
        for name in sorted(names):
            path = os.path.join(directory, name)
            if name.endswith(".py") and os.path.relpath(path, "..") not in _LEFT_OUT:
                yield os.path.relpath(path, top)


include("$(MPY_DIR)/extmod/asyncio")
for _folder, _package in (("lib", "coap"), ("lib", "lwm2m"), ("", "firmware")):
    package(
        _package,
        tuple(_files(_folder, _package)),
        base_path=os.path.join("..", _folder),
        opt=_OPTIMISED,
    )
for _name in ("boot.py", "copies.py", "main.py", "trial.py"):
    module(_name, base_path="..", opt=_OPTIMISED)
