"""The ways in which programs write bytes down, and a haystack in which each can be found."""

import base64
import re

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

_NOT_HEX = re.compile(rb"(?<=[0-9a-f])(?:[\s:,_-]|\\n|0x|\\x)+(?=[0-9a-f])")
_NOT_BASE64 = re.compile(rb"(?:[\r\n]|\\n)+")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def secrets(key):
    """What of a key is secret: itself, or the number in a private key of DER.

    The rest of such a key is public: it is rightly found in certificates.
    """
    try:
        private = load_der_private_key(key, password=None)
    except (ValueError, TypeError):
        return [key]
    if isinstance(private, ec.EllipticCurvePrivateKey):
        number = private.private_numbers().private_value
    elif isinstance(private, rsa.RSAPrivateKey):
        number = private.private_numbers().p
    else:
        return [key]
    return [key, number.to_bytes((number.bit_length() + 7) // 8, "big")]


def _base64_at(key, offset):
    # What of it does not depend on the bytes before and after.
    text = base64.b64encode(bytes(offset) + key).rstrip(b"=")
    whole = (offset + len(key)) * 8 // 6
    return text[(offset * 8 + 5) // 6 : whole]


def _unescaped(text):
    # How many backslashes there are differs by interpreter, and a log in JSON doubles them.
    return text.replace(b"\\", b"")


def needles(key):
    """[(name of the form, text in it, haystack)] for a key."""
    found = [
        ("raw", key, "raw"),
        ("hexadecimal", key.hex().encode(), "hex"),
        ("Python bytes", _unescaped(repr(key)[2:-1].encode()), "escaped"),
        ("list of numbers", b",".join(b"%d" % each for each in key), "numbers"),
    ]
    for offset in range(3):
        found.append(("base64", _base64_at(key, offset), "base64"))
    return found


def haystacks(data):
    """The bytes as they are, and in a spelling in which a form is found however it was broken
    into lines and groups: upper or lower case, "0x12, 0x34", "12:34", url-safe.
    """
    return {
        "raw": data,
        "escaped": _unescaped(data),
        "hex": _NOT_HEX.sub(b"", data.lower()),
        "numbers": re.sub(rb"\s", b"", data),
        "base64": _NOT_BASE64.sub(b"", data).translate(_URL_SAFE),
    }
