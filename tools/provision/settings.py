"""The keys of config.json that belong to an account: endpoint and domain."""

import json

from tools.errors import UserError

_FILE = "config.json"
_DOMAIN_LENGTH = 64


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
    if account.domain:
        if len(account.domain) > _DOMAIN_LENGTH or not account.domain.isprintable():
            raise UserError(f"the domain: expected 1 to {_DOMAIN_LENGTH} printable characters")
        changed["domain"] = account.domain
    elif account.bootstrap:
        changed.pop("domain", None)  # it belonged to the Bootstrap-Server before
    if str(changed.get("server")).startswith("coaps"):
        del changed["server"]  # which the firmware refuses, and does not need any more
    for key in ("endpoint", "domain", "server"):
        if changed.get(key) != settings.get(key):
            lines.append(f'{_FILE}: "{key}" ' + ("written" if key in changed else "removed"))
    if lines:
        path.write_text(json.dumps(changed, indent=4) + "\n", encoding="utf-8")
    return lines
