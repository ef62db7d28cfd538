"""First on the board: which copy of the application starts, see docs/update.md.

It leaves two numbers for main.py, `slot` of the copy, 0 the factory's, and `attempts` of a trial.
Whatever is wrong with a copy: the factory's is there. Nothing is written, and nothing imported
that an update could change.
"""

import os
import sys

slot = attempts = 0
try:
    if "slot." in " ".join(os.listdir("state")):  # else none was ever chosen
        import copies

        slot, attempts = copies.begin()
except Exception as error:
    print("boot.py failed: %s" % error)
if "lib" not in sys.path:
    sys.path.append("lib")
