"""Keeps what is known of an update over a restart. Loaded for the moment."""

import json

from firmware import once


def save(app):
    """Keeps what survives a restart. A flash that refuses is told of, and that is all."""
    data = json.dumps(app.update).encode()
    try:
        once("storage", "Record", "update").write(data)
    except OSError as error:
        app.log("update: %s: not kept for a restart" % error)
