"""The config.json of a board: kept as it is, unless something is missing or told otherwise."""

import json
import tempfile
from pathlib import Path

from tools.errors import UserError
from tools.virtual.flash import firmware

NAME = "config.json"
# What of it can be given, by the name of the argument.
_KEYS = {"BOARD": "board", "ENDPOINT": "endpoint", "SERVER": "server"}


def default_endpoint(board, unique_id):
    """A name that no other board has, and that is a host name, too.

    The number is the one that MicroPython gives to the USB of an STM32 with this id.
    """
    number = ""
    if len(unique_id) == 12:
        i = unique_id
        six = (i[11], i[10] + i[2], i[9], i[8] + i[0], i[7], i[6])
        number = "-" + bytes(each & 0xFF for each in six).hex()
    return board.replace("_", "-") + number


def settle(found, text, given):
    """(what is to be written or None, lines on it) for the config.json with this text.

    `text`: bytes of the one that is there, or None. `given`: arguments. Raises UserError where
    it would change without FORCE, or the firmware would refuse it.
    """
    board, before = found.name, text
    if "CONFIG" in given:
        text = _file(given["CONFIG"])
        settings = _parse(given["CONFIG"], text)
    else:
        settings = _parse(f"{found.port}: {NAME}", text) if text is not None else {}
    changed = dict(settings)
    lines = []
    for argument, key in _KEYS.items():
        value = given.get(argument)
        if value is None or settings.get(key) == value:
            continue
        if key in settings and "FORCE" not in given:
            raise UserError(
                f'{found.port}: {NAME} has "{key}": {json.dumps(settings[key])[:80]}, not '
                f"{json.dumps(value)}: FORCE=1 changes it, without {argument}= it stays. "
                "Nothing written"
            )
        changed[key] = value
    for key, value in (
        ("board", board),
        ("endpoint", default_endpoint(board, found.unique_id)),
    ):
        changed.setdefault(key, value)
    if changed["board"] != board:
        raise UserError(
            f'{found.port}: {NAME} has "board": {json.dumps(changed["board"])[:80]}, but this is '
            f"{found.machine!r}: correct it, or FORCE=1 BOARD={board} does. Nothing written"
        )
    _check(found, changed)
    if changed != settings:
        text = (json.dumps(changed, indent=4) + "\n").encode()
    if text == before:
        return None, [f"{NAME}: left as it is"]
    for key, value in changed.items():
        if "CONFIG" not in given and settings.get(key) != value:
            lines.append(f'{NAME}: "{key}": {json.dumps(value)}')
    return text, lines or [f"{NAME}: that of {given['CONFIG']}"]


def has_account(found, text):
    """Whether the board knows a server, once config.json has this text."""
    return "server" in json.loads(text) or any(
        name.startswith(("state/factory.", "state/accounts.")) for name in found.files
    )


def _file(path):
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"CONFIG={path}: {error.strerror}") from None


def _parse(shown, text):
    try:
        settings = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(f"{shown}: no JSON: correct it, or give CONFIG=FILE") from None
    if not isinstance(settings, dict):
        raise UserError(f"{shown}: expected an object like config.example.json")
    return settings


def _check(found, settings):
    # By the firmware's own code, which would refuse it later. An account may take the place of
    # a server.
    with tempfile.TemporaryDirectory(prefix="deploy-") as folder:
        complete = {"server": "coap://127.0.0.1", **settings}
        Path(folder, NAME).write_text(json.dumps(complete), encoding="utf-8")
        try:
            firmware()[1].load(folder)
        except ValueError as error:
            text = str(error).replace(f"{folder}/", "")
            raise UserError(f"{found.port}: {text}. Nothing written") from None
