"""python -m tools.interop: the interoperability suite; rewrites docs/conformance.md.

With arguments (they go to pytest, like `-k int_30`) it runs a part and leaves the document alone.
Then all that the run wrote or printed is searched for the keys it used.
"""

import sys

from tools.errors import UserError
from tools.install import ROOT
from tools.keysearch.run import Run
from tools.leshan import fetch

_DOCUMENT = "docs/conformance.md"


def main(arguments):
    try:
        fetch.ready()
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    run = Run(ROOT / "build" / "searched" / "interop")
    command = [sys.executable, "-m", "pytest", "-v", "tests_host/interop"]
    command += ["-n2", "--dist=loadgroup"]  # one for each server, see its conftest.py
    command += [f"--basetemp={run.temporary / 'pytest'}"]
    command += arguments or ["--conformance", _DOCUMENT]
    status = run.call(command, cwd=ROOT)
    clean = run.search(ROOT / _DOCUMENT, fetch.BUILD, part=bool(arguments))
    return status or (0 if clean else 1)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
