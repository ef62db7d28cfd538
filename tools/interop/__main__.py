"""python -m tools.interop: the interoperability suite; rewrites docs/conformance.md.

With arguments (they go to pytest, like `-k int_30`) it runs a part and leaves the document alone.
"""

import subprocess
import sys

from tools.errors import UserError
from tools.install import ROOT
from tools.leshan import fetch

_DOCUMENT = "docs/conformance.md"


def main(arguments):
    try:
        fetch.ready()
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    command = [sys.executable, "-m", "pytest", "-v", "tests_host/interop"]
    command += arguments or ["--conformance", _DOCUMENT]
    return subprocess.call(command, cwd=ROOT)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
