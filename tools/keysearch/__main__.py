"""python -m tools.keysearch COMMAND ...: runs it, then searches what it wrote for its keys.

The exit status is the command's, or 1 where a key was found or none was used.
"""

import sys

from tools.install import ROOT
from tools.keysearch.run import Run


def main(arguments):
    if not arguments:
        print(__doc__)
        return 2
    run = Run(ROOT / "build" / "searched" / "command")
    status = run.call(arguments)
    return status or (0 if run.search() else 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
