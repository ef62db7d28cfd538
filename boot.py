"""First on the board: which copy of the application starts (docs/update.md). Writes nothing."""

import os
import sys

try:
    if "slot0.pkg" in os.listdir():  # the factory's
        __import__("copies").begin()
    elif "state" in os.listdir() and "slot." in " ".join(os.listdir("state")):
        __import__("copies").begin()  # one was chosen some time
except Exception as error:
    print("boot.py failed: %s" % error)
if "lib" not in sys.path:
    sys.path.append("lib")
