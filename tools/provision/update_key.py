"""The update key, for the record that firmware/update_key.py reads."""

from tools.package import key


class UpdateKey:
    """What was given with UPDATE_KEY_FILE=; `lines` tell of it, without the key."""

    def __init__(self, given, update_key):
        """`update_key`: the firmware's module, whose record it is."""
        self._update_key = update_key
        self._key, new = key.load("UPDATE_KEY_FILE", given["UPDATE_KEY_FILE"])
        self.lines = [new] if new else []
        self.lines.append("update key: it takes packages signed with it alone")

    def write(self, directory):
        """Writes the record."""
        self._update_key.store(str(directory), self._key)
