"""Leshan's libraries, fetched by Maven, and the compiled server, in build/leshan."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.errors import UserError

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build" / "leshan"
NEEDED = ("java", "javac", "mvn")
_HOW = (
    "leshan: %s not found: install a Java development kit (17 or later) and Maven, like "
    "`apt install default-jdk-headless maven` or `brew install openjdk maven`"
)
_FAILED_LINES = 20


def _works(program):
    # macOS has a `java` that only says where to get one
    found = shutil.which(program)
    if not found:
        return False
    option = "-v" if program == "mvn" else "-version"
    return subprocess.run([found, option], capture_output=True, check=False).returncode == 0


def require(programs=NEEDED):
    """UserError, one line that says what to install, where a program is missing."""
    missing = [program for program in programs if not _works(program)]
    if missing:
        raise UserError(_HOW % " and ".join(missing))


def _sources():
    return [HERE / "pom.xml", *sorted((HERE / "java").glob("*.java"))]


def _fingerprint():
    digest = hashlib.sha256()
    for source in _sources():
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _run(command, interesting):
    """Runs a command and shows what `interesting` makes of its lines; UserError if it fails."""
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = []
    with process.stdout:
        for line in process.stdout:
            lines.append(line.rstrip())
            shown = interesting(line)
            if shown:
                print(shown, file=sys.stderr, flush=True)
    if process.wait():
        print("\n".join(lines[-_FAILED_LINES:]), file=sys.stderr)
        raise UserError("leshan: %s failed, see above (no network?)" % command[0])


def _downloading(line):
    match = re.search(r"Downloading from \S+: \S+/([^/\s]+\.jar)$", line.strip())
    return match and "leshan: fetching " + match[1]


def ready():
    """Makes build/leshan complete; without work, and without network, where it is already.

    Returns the class path. Errors: UserError.
    """
    stamp = BUILD / "ready"
    require(("java",))
    if not stamp.exists() or stamp.read_text() != _fingerprint():
        require()
        shutil.rmtree(BUILD / "lib", ignore_errors=True)
        shutil.rmtree(BUILD / "classes", ignore_errors=True)
        BUILD.mkdir(parents=True, exist_ok=True)
        command = ["mvn", "-B", "-f", HERE / "pom.xml", "dependency:copy-dependencies"]
        command += ["-DoutputDirectory=%s" % (BUILD / "lib"), "-DexcludeClassifiers=tests"]
        print("leshan: asking Maven for Leshan's libraries (6 MB)", file=sys.stderr, flush=True)
        _run(command, _downloading)
        sources = [path for path in _sources() if path.suffix == ".java"]
        _run(
            ["javac", "-d", BUILD / "classes", "-cp", BUILD / "lib" / "*", *sources],
            lambda line: None,
        )
        stamp.write_text(_fingerprint())
    return "%s:%s" % (BUILD / "classes", BUILD / "lib" / "*")
