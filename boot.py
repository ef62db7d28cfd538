"""First on the board: which copy of the application starts (docs/update.md). Writes nothing."""

import os
import sys

try:
    names = os.listdir()
    if "slot0.pkg" in names or "state" in names and "slot." in " ".join(os.listdir("state")):
        __import__("copies").begin()  # the factory's is one file, or another was chosen some time
except Exception as error:
    print("boot.py failed: %s" % error)
if "lib" not in sys.path:
    sys.path.append("lib")
