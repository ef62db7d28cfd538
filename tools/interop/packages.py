"""Packages for the boards of the suite: versions that run, that do not, and damaged ones."""

import shutil
from pathlib import Path

from tools import install
from tools.package import build, form

from .board import SLOT_BYTES

BOARD = "nucleo_f429zi"

# What is wrong with a version, as (file, text in it, text in its place).
CRASHES = ("firmware/app.py", "def run(", 'raise ValueError("made to fail")\n\n\ndef run(')
HANGS = (
    "firmware/app.py",
    "    async def main(self):\n",
    "    async def main(self):\n        while True:\n            time.sleep(1)\n",
)
NEVER_REGISTERS = (
    "lib/lwm2m/registration.py",
    "self._request(_POST, path, ",
    'self._request(_POST, (b"nowhere",), ',
)


class Packages:
    """Packages under an update key (32 bytes), compiled for the host; sources are in `folder`."""

    def __init__(self, key, folder):
        self._key = key
        self._folder = Path(folder)
        self._made = {}

    def version(self, version, wrong=None):
        """The application under this version; `wrong` is None or one of the constants above."""
        if (version, wrong) not in self._made:
            root = install.ROOT if wrong is None else self._patched(version, *wrong)
            march = install.host_march() or ""  # bytecode alone
            made = build.build(self._key, version, BOARD, root, SLOT_BYTES, march=march)
            self._made[version, wrong] = made.data
        return self._made[version, wrong]

    def _patched(self, version, name, old, new):
        root = self._folder / version
        for each in ("lib", "firmware"):
            shutil.copytree(install.ROOT / each, root / each)
        for each in install.ROOT.glob("*.py"):
            shutil.copyfile(each, root / each.name)
        text = (root / name).read_text("utf-8")
        assert text.count(old) == 1, "%s: expected %r once" % (name, old)
        (root / name).write_text(text.replace(old, new), "utf-8")
        return root

    def damaged(self, version):
        """One bit is another one, in the last of the files."""
        package = self.version(version)
        return package[:-1] + bytes((package[-1] ^ 1,))

    def too_large(self, version):
        """It says of itself, truly, that it is a little larger than a slot."""
        info = form.Package(self.version(version)).info
        return form.pack(self._key, info, {"ballast.mpy": bytes(SLOT_BYTES)})

    def foreign(self, version, key):
        """The same under another key."""
        found = form.Package(self.version(version))
        return form.sign(key, found.head) + self.version(version)[found.start :]

    def for_board(self, version, board):
        """The same for another board."""
        package = self.version(version)
        found = form.Package(package)
        files, at = {}, found.start
        for name, size, _ in found.files:
            files[name] = package[at : at + size]
            at += size
        return form.pack(self._key, {**found.info, "board": board}, files)
