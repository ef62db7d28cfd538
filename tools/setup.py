"""Makes the virtual environment `.venv` with the pinned packages; `make` calls it when needed.

It runs before anything is installed, so it uses the standard library alone.
"""

import os
import platform
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"


def unsuitable():
    """One line that says why this computer or Python will not do, or None."""
    if sys.implementation.name != "cpython" or not (3, 10) <= sys.version_info[:2] <= (3, 14):
        return (
            "setup: this is %s %d.%d; CPython 3.10 to 3.14 is needed: make PYTHON=python3.12 ..."
            % (sys.implementation.name, sys.version_info[0], sys.version_info[1])
        )
    system = (platform.system(), platform.machine())
    if system not in (("Linux", "x86_64"), ("Darwin", "arm64")):
        return (
            "setup: MicroPython for the host comes for x86-64 Linux and Apple silicon, "
            "not for %s %s; use one of them, or a container" % system
        )
    return None


def main():
    reason = unsuitable()
    if reason:
        print(reason, file=sys.stderr)
        return 1
    print("setup: virtual environment in .venv (once, half a minute)", flush=True)
    try:
        # One that is ready only gets other packages: venv cannot write over its own Python.
        if not (ENVIRONMENT / "ready").exists():
            venv.create(ENVIRONMENT, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(
            "setup: no virtual environment: %s; is Python's venv module installed?" % error,
            file=sys.stderr,
        )
        return 1
    python = ENVIRONMENT / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-q"]
    status = subprocess.call(
        command + ["-r", str(ROOT / "requirements.txt")], env={**os.environ, "PYTHONPATH": ""}
    )
    if status:
        print(
            "setup: the packages of requirements.txt were not installed; see pip's lines above",
            file=sys.stderr,
        )
        return 1
    (ENVIRONMENT / "ready").touch()
    print("setup: done", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
