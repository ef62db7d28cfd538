"""A run whose output and files are kept in one folder, and searched for its keys at the end."""

import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from tools.errors import UserError
from tools.keysearch import forms
from tools.keysearch.notes import VARIABLE
from tools.keysearch.search import Search, read_keys


class Run:
    """`folder` is emptied first; after the run it holds `keys` and, below `written`, the rest.

    What runs inside another run belongs to it as well: its keys are noted there, too.
    """

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.written = self.folder / "written"
        self.temporary = self.written / "temporary"
        self.temporary.mkdir(parents=True)
        self._keys = self.folder / "keys"
        self._outer = os.environ.get(VARIABLE)

    def call(self, command, on_line=None, in_one_piece=False, **options):
        """Runs a command whose output is shown and kept; returns its exit status.

        `on_line(text)` hears each line. Its temporary files are below the folder. Of several that
        threads run side by side each is to be shown `in_one_piece`, at its end.
        """
        environment = {
            **os.environ,
            VARIABLE: str(self._keys),
            "TMPDIR": str(self.temporary),
            # else a line comes only when many have gathered
            "PYTHONUNBUFFERED": "1",
        }
        process = subprocess.Popen(
            list(map(str, command)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            **options,
        )
        with open(self.written / "output", "ab", buffering=0) as kept, process.stdout as output:
            rest = b""
            while data := output.read(-1) if in_one_piece else output.read1(65536):
                kept.write(data)
                sys.stdout.buffer.write(data)
                sys.stdout.flush()
                *lines, rest = (rest + data).split(b"\n")
                for line in lines if on_line else ():
                    on_line(line.decode(errors="replace"))
        return process.wait()

    def search(self, *others, part=False):
        """Searches what was written, and other places; says what was found. True when clean.

        A `part` of a run may do without keys.
        """
        if part and not self._keys.exists():
            print("keys: none used, nothing to search for")
            return True
        try:
            keys = read_keys(self._keys)
            self._prove()
        except UserError as error:
            print("keys: %s" % error)
            return False
        search = Search(keys)
        for place in (self.written, *others):
            search.place(place)
        for find in search.finds:
            print("keys: FOUND " + find)
        print(
            "keys: %d used, %d found outside the stores of credentials in %d files, %d bytes"
            % (len(keys), len(search.finds), search.files, search.size),
            flush=True,
        )
        if self._outer:
            with open(self._outer, "ab") as file:
                file.write(self._keys.read_bytes())
        return not search.finds

    def _prove(self):
        # A search that finds nothing has to show that it would: a key of its own, planted.
        key = secrets.token_bytes(16)
        file = self.written / "planted"
        for form, text, _ in forms.needles(key):
            file.write_bytes(b"before " + text + b" after\n")
            search = Search([key])
            search.place(self.written if form == "raw" else file)
            file.unlink()
            if not any(form in find for find in search.finds):
                raise UserError("a planted key was not found as %s: the search is broken" % form)
