"""Writes accounts with their credentials onto a board or into a flash directory.

`arguments.py` reads NAME=value, `keys.py`, `certificates.py` and `developer_file.py` the files
that hold credentials, `account.py` makes one account of them. `places.py` is where it goes: a
directory, or a board through mpremote. Nothing here prints or logs a key.
"""
