"""Leshan's libraries, fetched by Maven, and the compiled servers, in build/leshan.

The LwM2M server and the bootstrap server come from different releases (see pom-bootstrap.xml), so
each has libraries and classes of its own; the sources in java/shared are compiled for both.
"""

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
# (what Maven is to fetch, where the libraries go, where the classes go, folders of their sources)
_SERVERS = (
    ("pom.xml", "lib", "classes", (".", "shared")),
    ("pom-bootstrap.xml", "lib-bootstrap", "classes-bootstrap", ("bootstrap", "shared")),
)
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


def _java(folders):
    return [path for each in folders for path in sorted((HERE / "java" / each).glob("*.java"))]


def _sources():
    return [HERE / pom for pom, *_ in _SERVERS] + _java((".", "shared", "bootstrap"))


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

    Returns the class paths of the LwM2M server and of the bootstrap server. Errors: UserError.
    """
    stamp = BUILD / "ready"
    require(("java",))
    if not stamp.exists() or stamp.read_text() != _fingerprint():
        require()
        BUILD.mkdir(parents=True, exist_ok=True)
        print("leshan: asking Maven for Leshan's libraries (12 MB)", file=sys.stderr, flush=True)
        for pom, libraries, classes, folders in _SERVERS:
            _build(HERE / pom, BUILD / libraries, BUILD / classes, _java(folders))
        stamp.write_text(_fingerprint())
    return tuple(_classpath(libraries, classes) for _, libraries, classes, _ in _SERVERS)


def _build(pom, libraries, classes, sources):
    shutil.rmtree(libraries, ignore_errors=True)
    shutil.rmtree(classes, ignore_errors=True)
    command = ["mvn", "-B", "-f", pom, "dependency:copy-dependencies"]
    command += ["-DoutputDirectory=%s" % libraries, "-DexcludeClassifiers=tests"]
    _run(command, _downloading)
    _run(["javac", "-d", classes, "-cp", libraries / "*", *sources], lambda line: None)


def _classpath(libraries, classes):
    # one by one: the class loader of the bootstrap server does not know "*"
    jars = sorted((BUILD / libraries).glob("*.jar"))
    return ":".join(map(str, [BUILD / classes, *jars]))
