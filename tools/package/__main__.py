"""Makes a package of the application, or shows one: `make package`, `make package-info`, or

    python -m tools.package VERSION=1.2.3
    python -m tools.package info FILE=build/nucleo_f429zi-1.2.3.pkg

Exit status: 0, or 2 with one line that tells why.
"""

import sys
from pathlib import Path

from tools.errors import UserError
from tools.install import ROOT
from tools.package import arguments, build, form, key


def _shown(path):
    path = Path(path)
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def _build(given):
    secret, line = key.load("KEY_FILE", given.get("KEY_FILE"))
    if line:
        print(line)
    board, version = given["BOARD"], given["VERSION"]
    print(f"compiling version {version} for {board} ...", flush=True)
    made = build.build(
        secret,
        version,
        board,
        name=given.get("NAME", build.NAME),
        micropython=given.get("NEEDS", build.MICROPYTHON),
        objects=given.get("OBJECTS", ()),
        without=given.get("WITHOUT", ()),
        lines="LINES" not in given,
        everything="ALL" in given,
    )
    path = Path(given.get("OUT") or ROOT / "build" / f"{board}-{version}.pkg")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made.data)
    except OSError as error:
        raise UserError(f"OUT={path}: not written: {error.strerror}") from None
    count = len(form.Package(made.data).files)
    room = build.boards()[board]
    print(f"{_shown(path)}: {len(made.data):,} bytes of {room:,} of a slot, {count} files")
    if made.left_out:
        print(f"left out: {made.left_out}")


def _info(given):
    path = Path(given["FILE"])
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"FILE={path}: {error.strerror}") from None
    found = form.Package(data, path)
    info = found.info
    print(f"{path}: {info['name']} {info['version']} for {info['board']}")
    native = f"native code for {info['march']}" if info["march"] else "bytecode only"
    print(f"  MicroPython {info['micropython']} or later, .mpy {info['mpy']}, {native}")
    contents = found.size - found.start
    print(f"  {found.size:,} bytes: a head of {found.start:,}, files of {contents:,}")
    print(f"  {_signature(found, given)}")
    for name, size, digest in found.files:
        damaged = "  DAMAGED" if name in found.damaged else ""
        print(f"  {size:7,} {digest.hex()} {name}{damaged}")
    if found.damaged:
        raise UserError(f"FILE={path}: {len(found.damaged)} damaged files: make it anew")


def _signature(found, given):
    if "KEY_FILE" not in given and not key.DEFAULT.exists():
        return "signature not checked: KEY_FILE=FILE names the update key"
    right = found.signed_by(key.load("KEY_FILE", given.get("KEY_FILE"))[0])
    shown = given.get("KEY_FILE", _shown(key.DEFAULT))
    return f"signature: {'that' if right else 'NOT that'} of {shown}"


def main(argv):
    command = "build"
    if argv[:1] in (["build"], ["info"]):
        command, *argv = argv
    if not argv or argv[0] in ("-h", "--help"):
        print(arguments.HELP)
        return 0
    try:
        given = arguments.parse(command, argv)
        (_info if command == "info" else _build)(given)
    except UserError as error:
        print(f"package: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("package: interrupted", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
