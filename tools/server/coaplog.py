"""The log of CoAP messages in the event stream, field for field like Leshan's."""

import time
from collections import deque

from aiocoap.numbers.codes import EMPTY

from .codecs import LINK_FORMAT
from .site import endpoint_of

# number: (name, kind) as Leshan's CoAP stack names them
_OPTIONS = {
    1: ("If-Match", "OPAQUE"),
    3: ("Uri-Host", "STRING"),
    4: ("ETag", "OPAQUE"),
    5: ("If-None-Match", "EMPTY"),
    6: ("Observe", "INTEGER"),
    7: ("Uri-Port", "INTEGER"),
    8: ("Location-Path", "STRING"),
    9: ("Object-Security", "OPAQUE"),
    11: ("Uri-Path", "STRING"),
    12: ("Content-Format", "INTEGER"),
    14: ("Max-Age", "INTEGER"),
    15: ("Uri-Query", "STRING"),
    17: ("Accept", "INTEGER"),
    20: ("Location-Query", "STRING"),
    23: ("Block2", "INTEGER"),
    27: ("Block1", "INTEGER"),
    28: ("Size2", "INTEGER"),
    35: ("Proxy-Uri", "STRING"),
    39: ("Proxy-Scheme", "STRING"),
    60: ("Size1", "INTEGER"),
    252: ("Echo", "OPAQUE"),
    258: ("No-Response", "INTEGER"),
    292: ("Request-Tag", "OPAQUE"),
}
_MEDIA = {
    0: "text/plain",
    40: "application/link-format",
    42: "application/octet-stream",
    60: "application/cbor",
    110: "application/senml+json",
    112: "application/senml+cbor",
    320: "application/senml-etch+json",
    322: "application/senml-etch+cbor",
    11542: "application/vnd.oma.lwm2m+tlv",
    11543: "application/vnd.oma.lwm2m+json",
    11544: "application/vnd.oma.lwm2m+cbor",
}
HIDDEN = "(not shown: it may hold credentials)"
_MAX_SECRETS = 100  # requests whose answers are not shown
_BLOCKS = (23, 27)
_FORMATS = (12, 17)


def _value(number, kind, value):
    if kind == "STRING":
        return '"%s"' % value.decode(errors="replace")
    if kind != "INTEGER":
        return "0x" + value.hex().upper() if value else ""
    whole = int.from_bytes(value, "big")
    if number in _BLOCKS:
        exponent = whole & 7
        more = "true" if whole & 8 else "false"
        return "(szx=%d/%d, m=%s, num=%d)" % (exponent, 16 << exponent, more, whole >> 4)
    if number in _FORMATS:
        return '"%s"' % _MEDIA.get(whole, "unknown/%d" % whole)
    return str(whole)


def _options(message):
    """One text of all options, in the order of their numbers."""
    found = {}
    for option in message.opt.option_list():
        number = int(option.number)
        name, kind = _OPTIONS.get(number, ("Unknown (%d)" % number, "OPAQUE"))
        label = "%s/%s" % (name, kind) if number in _OPTIONS else name
        found.setdefault(label, []).append(_value(number, kind, option.encode()))
    return " - ".join("%s: %s" % (label, ", ".join(values)) for label, values in found.items())


def _payload(payload):
    text = payload.decode("ascii", errors="replace")
    return text if text.isascii() and text.isprintable() else "Hex:" + payload.hex()


def _code(code):
    if code.is_request() and code.name.isalpha():
        return code.name.upper()
    return "%d.%02d" % (code >> 5, code & 31)


def entry(message, incoming, endpoint, secret=False):
    """The JSON shape (dict) of a message that came in or goes out, a secret payload hidden."""
    data = {"timestamp": int(time.time() * 1000), "incoming": incoming, "type": message.mtype.name}
    code = message.code
    if code is not EMPTY:
        data["code"] = _code(code)
    data["mId"] = message.mid
    data["token"] = message.token.hex().upper() if code is not EMPTY else "null"
    options = _options(message)
    if options:
        data["options"] = options
    if message.payload:
        data["payload"] = HIDDEN if secret else _payload(message.payload)
    data["ep"] = endpoint
    return data


def _endpoint_named(message):
    """The endpoint name in a request to register or to bootstrap, None elsewhere."""
    if message.opt.uri_path in (("rd",), ("bs",)):
        return endpoint_of(message.opt.uri_query)
    return None


class CoapLog:
    """Tells the event stream of one endpoint of each message to and from its client.

    find(remote) gives the endpoint name of a peer, None if unknown. Credentials are not shown:
    nothing that goes to object 0 and comes from there, with secret=True no values at all.
    """

    def __init__(self, find, events, secret=False):
        self._find = find
        self._events = events
        self._secret = secret
        self._secrets = deque(maxlen=_MAX_SECRETS)  # (remote, token) of such requests
        self._last = None, None  # the peer that was heard last, and its endpoint

    def _is_secret(self, message):
        if self._secret:
            return message.opt.content_format != LINK_FORMAT and message.code >> 5 in (0, 2)
        key = message.remote, message.token
        if message.code.is_request():
            # the object may stand behind the segments of another root
            ids = [part for part in message.opt.uri_path if part.isdigit()]
            if ids[:1] != ["0"]:
                return False
            self._secrets.append(key)
            return True
        return key in self._secrets

    def trace(self, message, incoming):
        """Logs a message, if somebody listens and its endpoint is known."""
        if not self._events.is_followed():
            return
        remote = message.remote
        endpoint = self._find(remote)
        if endpoint is None and incoming:
            endpoint = _endpoint_named(message)
        elif endpoint is None:
            # the answer to a de-registration or to a refused registration
            endpoint = self._last[1] if self._last[0] == remote else None
        if incoming:
            self._last = remote, endpoint
        if endpoint:
            data = entry(message, incoming, endpoint, self._is_secret(message))
            self._events.send("COAPLOG", endpoint, data, followers_only=True)
