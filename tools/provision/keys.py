"""Pre-shared keys: read from files, checked, never shown."""

import base64
import binascii
from pathlib import Path

from tools.errors import UserError

# mbedTLS of MicroPython takes no longer key, the standard no longer identity
# (TS 1.1.1 Transport 5.2.8.1).
LONGEST_KEY = 32
LONGEST_IDENTITY = 128
_LARGEST_FILE = 65536
_GUESSABLE = 16  # bytes; shorter keys can be found by trying (RFC 4279 section 7.2)


def read(option, path):
    """The bytes of a file that an option names; UserError.

    A name without a file is not repeated: it may be a key that was given for the file.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"{option} {path}: not a file")
        with open(path, "rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except (FileNotFoundError, ValueError):
        raise UserError(f"{option}: no such file") from None
    except OSError as error:
        shown = f" {path}" if path.exists() else ""
        raise UserError(f"{option}{shown}: {error.strerror}") from None
    if len(data) > _LARGEST_FILE:
        raise UserError(f"{option} {path}: more than {_LARGEST_FILE} bytes: the wrong file?")
    return data


def psk(option, text):
    """The key that hexadecimal text means, or base64 text behind "base64:"; UserError."""
    text = "".join(text.split())
    try:
        if text.startswith("base64:"):
            key = base64.b64decode(text[len("base64:") :], validate=True)
        else:
            key = bytes.fromhex(text.removeprefix("0x"))
    except (ValueError, binascii.Error):
        raise UserError(
            f'{option}: expected hexadecimal text, or base64 text behind "base64:"'
        ) from None
    if not 1 <= len(key) <= LONGEST_KEY:
        raise UserError(f"{option}: a key of {len(key)} bytes, expected 1 to {LONGEST_KEY}")
    return key


def psk_of_file(option, path):
    """The key in a file, as `psk()` reads it."""
    data = read(option, path)
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise UserError(
            f"{option} {path}: holds no text: write the key as hexadecimal digits into it"
        ) from None
    return psk(f"{option} {path}", text)


def psk_identity(option, text):
    """The bytes of an identity (UTF-8); UserError."""
    identity = text.encode("utf-8", "surrogateescape")
    if not 1 <= len(identity) <= LONGEST_IDENTITY:
        raise UserError(
            f"{option}: an identity of {len(identity)} bytes, expected 1 to {LONGEST_IDENTITY}"
        )
    try:
        identity.decode("utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{option}: expected UTF-8 text") from None
    return identity


def doubts(key):
    """Lines on a key that is taken, but should be better."""
    if len(key) < _GUESSABLE:
        return [f"the key has {len(key)} bytes only; from {_GUESSABLE} on it cannot be guessed"]
    return []
