"""What servers have written into objects that say who the board is and where; loaded for the
moment. It is kept in a record (storage.py) until a factory reset.
"""

import json

from micropython import const

from coap.message import Error
from firmware.storage import Record

_INTERNAL_SERVER_ERROR = const(0xA0)  # 5.00


def read(name=None):
    """The value kept under this name, or None; all of them as a dictionary."""
    try:
        kept = json.loads(Record("written").read())
    except (ValueError, TypeError, AttributeError):  # as the interpreter says None is no JSON
        kept = None
    if not isinstance(kept, dict):
        kept = {}
    return kept.get(name) if name else kept


def keep(name, value):
    """Keeps a value that JSON can hold, or forgets it: None; Error 5.00 where that fails."""
    kept = read()
    if kept.pop(name, None) == value:
        return
    if value is not None:
        kept[name] = value
    try:
        Record("written").write(json.dumps(kept).encode())
    except OSError as error:
        raise Error(_INTERNAL_SERVER_ERROR, "not kept: %s" % error)
