"""First on the board: which copy of the application starts (docs/update.md). Writes nothing."""

import os
import sys

slot = attempts = 0  # copy, 0: the factory's; starts of a trial
try:
    if "state" in os.listdir() and "slot." in " ".join(os.listdir("state")):
        import copies

        slot, attempts = copies.begin()
except Exception as error:
    print("boot.py failed: %s" % error)
if "lib" not in sys.path:
    sys.path.append("lib")
