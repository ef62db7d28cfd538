"""The keys of config.json that belong to an account: endpoint name and domain."""

import json

from tools.errors import UserError

_FILE = "config.json"
_DOMAIN = "d="  # in "queries", which go with each Register and Bootstrap-Request


def change(directory, account):
    """Brings config.json in `directory` up to an Account; lines on what changed. UserError."""
    path = directory / _FILE
    if not path.exists():
        if account.endpoint or account.domain:
            raise UserError(
                f"there is no {_FILE} to write the endpoint name into: "
                "copy config.example.json there and edit it first"
            )
        return []
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise UserError(f"{_FILE}: no JSON: correct it first") from None
    if not isinstance(settings, dict):
        raise UserError(f"{_FILE}: expected an object like config.example.json")
    lines = []
    changed = dict(settings)
    if account.endpoint:
        changed["endpoint"] = account.endpoint
    if account.domain or account.bootstrap:
        # It belongs to the operator of the Bootstrap-Server: with another one it goes.
        queries = settings.get("queries")
        if queries is not None and not isinstance(queries, list):
            raise UserError(f"{_FILE}: queries: expected a list of texts")
        queries = [each for each in queries or () if not str(each).startswith(_DOMAIN)]
        if account.domain:
            queries.append(_DOMAIN + account.domain)
        changed["queries"] = queries
        if not queries:
            del changed["queries"]
    if str(changed.get("server")).startswith("coaps"):
        del changed["server"]  # which the firmware refuses, and does not need any more
    for key in ("endpoint", "queries", "server"):
        if changed.get(key) != settings.get(key):
            lines.append(f'{_FILE}: "{key}" ' + ("written" if key in changed else "removed"))
    if lines:
        path.write_text(json.dumps(changed, indent=4) + "\n", encoding="utf-8")
    return lines
