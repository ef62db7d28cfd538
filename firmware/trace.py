"""Messages as lines, while someone looks on; loaded for that time.

No payload is shown that may hold a credential: none of a bootstrap, of object 0 or of a resource
of type opaque, and of queries only those values that LwM2M itself defines.
"""

from micropython import const

from coap.message import Message, dotted, uint
from firmware.connection import Connection
from lwm2m import formats
from lwm2m.object import parse_path

_TYPES = ("CON", "NON", "ACK", "RST")
_METHODS = ("GET", "POST", "PUT", "DELETE", "FETCH", "PATCH", "iPATCH")
_OPERATIONS = ("Read", "Create", "Write", "Delete", "Read-Composite", "", "Write-Composite")
_FORMATS = {
    0: "text",
    40: "link",
    42: "opaque",
    60: "cbor",
    110: "senml-json",
    112: "senml-cbor",
    11542: "tlv",
    11543: "json",
}
_QUERIES = const(" ep lwm2m lt b Q pmin pmax gt lt st epmin epmax con ")
_LONGEST = const(80)  # characters of a payload that are shown
_MOST = const(8)  # requests whose answers are waited for, and observations
_OBSERVE = const(6)
_URI_PATH = const(11)
_CONTENT_FORMAT = const(12)
_URI_QUERY = const(15)
_ACCEPT = const(17)
_BLOCK2 = const(23)
_BLOCK1 = const(27)
_LINK = const(40)

_asked = {}  # (connection, token): (path or None, what was asked)


def begin(level):
    """From now on: 2 what is asked and answered, 3 each message, less: nothing."""
    Connection.trace = (None, None, _operation, _message)[level]


def _message(connection, incoming, data):
    # One line for each message. Whatever goes wrong here, the message goes its way.
    try:
        message, path, _ = _parsed(connection, incoming, data)
        words = [_TYPES[message.mtype], _code(message.code)]
        words += _options(message)
        words.append("mid=%d" % message.mid)
        if message.token:
            words.append("token=" + message.token.hex())
        if message.payload:
            words.append(_payload(connection, message, path))
        _print(connection, incoming, " ".join(words))
    except Exception as error:
        _print(connection, incoming, "%d bytes (%s)" % (len(data), type(error).__name__))


def _operation(connection, incoming, data):
    # One line when a request is answered, and for a notification.
    try:
        message, path, asked = _parsed(connection, incoming, data)
        code = message.code
        if asked and code >> 5:
            value = _payload(connection, message, path) if message.payload else ""
            _print(connection, not incoming, "%s: %s %s" % (asked, dotted(code), value))
    except Exception as error:
        _print(connection, incoming, "%d bytes (%s)" % (len(data), type(error).__name__))


def _print(connection, incoming, text):
    now_ms = connection.app.client.now_ms()
    server = connection.account.get("short_server_id", "bootstrap")
    arrow = "<-" if incoming else "->"
    print("%d.%03d %s %s %s" % (now_ms // 1000, now_ms % 1000, server, arrow, text.strip()))


def _parsed(connection, incoming, data):
    # The message, the path that it is about (None: nothing is known of it), and what was asked.
    message = Message()
    if not message.decode(bytes(data)):
        raise ValueError  # of another version of CoAP
    code = message.code
    key = (connection.uri, bytes(message.token))
    if not code:
        return message, None, None
    if code >> 5:
        path, asked = _asked.get(key, (None, None))
        observed = message.first(_OBSERVE) is not None
        if asked and not observed:
            del _asked[key]
        elif observed and asked and message.mtype < 2:
            asked = "Notify " + asked.split(" ", 1)[-1]
        return message, path, asked
    segments = message.all(_URI_PATH)
    path = None
    if incoming:
        try:
            path = parse_path(segments)
        except Exception:
            pass
        name = _asks(message, path)
    else:
        name = _reports(code, segments)
    asked = "%s /%s" % (name, str(b"/".join(segments), "utf-8"))
    if len(_asked) >= _MOST and key not in _asked:
        _asked.clear()
    _asked[key] = path, asked
    return message, path, asked


def _asks(message, path):
    # The operation of LwM2M that a server asks for (Transport section 6.4).
    code = message.code
    name = _OPERATIONS[code - 1]
    observe = message.first(_OBSERVE)
    if observe is not None:
        return "Cancel Observation" if uint(observe) else "Observe"
    if code == 1 and message.first(_ACCEPT) and uint(message.first(_ACCEPT)) == _LINK:
        return "Discover"
    if code == 2 and path and len(path) > 1:
        return "Execute" if len(path) == 3 and not message.first(_CONTENT_FORMAT) else "Write"
    if code == 3 and message.first(_URI_QUERY):
        return "Write-Attributes"
    return name


def _reports(code, segments):
    if code == 4:
        return "De-register"
    first = segments[0] if segments else b""
    if first == b"rd":
        return "Register" if len(segments) == 1 else "Update"
    return {b"dp": "Send", b"bs": "Bootstrap-Request"}.get(first, "Update")


def _code(code):
    if code >> 5:
        return dotted(code)
    return _METHODS[code - 1] if code else "empty"


def _options(message):
    words = []
    segments = []
    for number, value in message.options:
        if number == _URI_PATH:
            segments.append(value)
        elif number == _URI_QUERY:
            name, equals, text = str(value, "utf-8").partition("=")
            if equals and " %s " % name not in _QUERIES:
                text = "..."
            words.append("?" + name + equals + text)
        elif number == _OBSERVE:
            words.append("observe=%d" % uint(value))
        elif number in (_CONTENT_FORMAT, _ACCEPT):
            name = "format" if number == _CONTENT_FORMAT else "accept"
            words.append("%s=%s" % (name, _FORMATS.get(uint(value), uint(value))))
        elif number in (_BLOCK2, _BLOCK1):
            words.append(_block(2 - number // _BLOCK1, uint(value)))
        elif number == 8:
            words.append("location=" + repr(value)[2:-1])
        else:
            words.append("option%d" % number)
    if segments:
        words.insert(0, repr(b"/" + b"/".join(segments))[2:-1])
    return words


def _block(kind, value):
    # Number, a plus where more follow, and size (RFC 7959 section 2.2).
    more = "+" if value & 8 else ""
    return "block%d=%d%s/%d" % (kind, value >> 4, more, 16 << (value & 7))


def _payload(connection, message, path):
    payload = message.payload
    counted = "(%d bytes)" % len(payload)
    if "bootstrap" in connection.account or (path and path[0] == 0):
        return counted
    if message.code >> 5 > 2:
        return _short(payload)  # words for people
    number = message.first(_CONTENT_FORMAT)
    number = 0 if number is None else uint(number)
    if number == _LINK:
        return _short(payload)
    if path is None or message.first(_BLOCK1) or message.first(_BLOCK2):
        return counted
    module = formats.module(number)
    try:
        words = []
        table = connection.session.table
        for at, raw in module.decode(path or None, payload):
            instance = table.entry(at[0], at[1])
            row = instance and instance.row(at[2])
            value = "..."
            if row and row[2][:1] not in ("", "o"):
                value = repr(module.value(row[2], raw))
            name = "" if at == path else "/%s=" % "/".join(map(str, at))
            words.append(name + value)
        return _short(" ".join(words))
    except Exception:
        return counted


def _short(text):
    if not isinstance(text, str):
        text = repr(text)[1:]
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
