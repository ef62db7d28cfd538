"""Datagrams as a server saw them, told in short lines without what changes from run to run.

`GET /3/0/0 Accept text -> 2.05 text IoTKitV3` is a request of the server and its answer;
what the client sends of its own accord begins with "client:" or "notify".
"""

import json
from dataclasses import dataclass

import cbor2
from aiocoap import Message, error
from aiocoap.numbers.codes import EMPTY
from aiocoap.numbers.types import ACK, CON, RST

FORMATS = {
    0: "text",
    40: "link",
    42: "opaque",
    60: "cbor",
    110: "senml-json",
    112: "senml-cbor",
    11542: "tlv",
    11543: "json",
}
_LONGEST_TEXT = 16  # characters of a payload that is shown
_RETRANSMISSION_S = 20
_NAMES = {5: "FETCH", 6: "PATCH", 7: "iPATCH"}


@dataclass
class Exchange:
    """A request with its answer, or a notification, a Reset or another lone message.

    `by_client` tells who began; `answer` is "" until there is one. `number` is that of the
    datagram among all that were recorded.
    """

    by_client: bool
    request: str
    number: int
    answer: str = ""
    token: bytes = b""
    alone: bool = False
    target: str = ""

    def __str__(self):
        if self.alone:
            return self.request
        return "%s%s -> %s" % (
            "client: " if self.by_client else "",
            self.request,
            self.answer or "no answer",
        )


def _senml_names(number, payload):
    """Paths in a SenML payload; "" where it cannot be read."""
    try:
        records = json.loads(payload) if number == 110 else cbor2.loads(payload)
        names = []
        base = ""
        for record in records:
            base = record.get("bn", record.get(-2, base))
            names.append(base + record.get("n", record.get(0, "")))
    except (ValueError, AttributeError, TypeError, cbor2.CBORDecodeError):
        return ""
    return " ".join(names)


def _content(message, names=False):
    """Content-Format and, where it is short and readable, the payload."""
    number = message.opt.content_format
    if number is None:
        return ""
    text = " " + FORMATS.get(number, str(number))
    if number == 0 and len(message.payload) <= _LONGEST_TEXT:
        text += " " + message.payload.decode(errors="replace")
    elif names and number in (110, 112):
        paths = _senml_names(number, message.payload)
        # further blocks may be asked for without the payload
        text += " of " + paths if paths else ""
    return text.rstrip()


def _blocks(message):
    text = ""
    for name in ("block1", "block2"):
        block = getattr(message.opt, name)
        if block is not None:
            text += " %s %d" % (name.capitalize(), block.size)
    return text


def _query(message):
    items = ["%s={id}" % item[:2] if item[:3] == "ep=" else item for item in message.opt.uri_query]
    return "?" + "&".join(items) if items else ""


def _path(message, by_client):
    parts = list(message.opt.uri_path)
    if by_client and len(parts) == 2 and parts[0] == "rd":
        parts[1] = "{id}"
    return "/" + "/".join(parts)


def _request(message, by_client):
    code = int(message.code)
    text = "%s %s%s" % (
        _NAMES.get(code) or message.code.name,
        _path(message, by_client),
        _query(message),
    )
    if message.opt.observe is not None:
        text += " Observe %d" % message.opt.observe
    if message.opt.accept is not None:
        text += " Accept " + FORMATS.get(message.opt.accept, str(message.opt.accept))
    names = code in (5, 7) or by_client and message.opt.uri_path == ("dp",)
    return text + _content(message, names) + _blocks(message)


def _answer(message, to_client):
    text = "%d.%02d" % (message.code >> 5, message.code & 31)
    if message.opt.location_path:
        parts = list(message.opt.location_path)
        if to_client and parts[0] == "rd":
            parts[1:] = ["{id}"]
        text += " /" + "/".join(parts)
    return text + _content(message) + _blocks(message)


def exchanges(records):
    """The exchanges in a list of (seconds, from_client, datagram), in the order they began."""
    found = []
    by_token = {}
    seen = {}
    for number, (at_s, from_client, datagram) in enumerate(records):
        again = seen.get((from_client, datagram))
        seen[(from_client, datagram)] = at_s
        if again is not None and at_s - again < _RETRANSMISSION_S:
            continue
        try:
            message = Message.decode(datagram)
        except (error.Error, ValueError):
            found.append(Exchange(from_client, "no CoAP message", number, alone=True))
            continue
        if message.code is EMPTY:
            if message.mtype is RST:
                who = "client" if from_client else "server"
                found.append(Exchange(from_client, who + ": Reset", number, alone=True))
            elif message.mtype is CON:
                found.append(Exchange(from_client, "ping", number, alone=True))
        elif message.code.is_request():
            exchange = Exchange(from_client, _request(message, from_client), number)
            exchange.token = message.token
            exchange.target = _path(message, from_client)
            if int(message.code) == 5:
                exchange.target = _senml_names(message.opt.content_format, message.payload)
            by_token[(from_client, message.token)] = exchange
            found.append(exchange)
        else:
            exchange = by_token.get((not from_client, message.token))
            if exchange is None:
                found.append(
                    Exchange(from_client, "unasked " + _answer(message, False), number, alone=True)
                )
            elif not exchange.answer:
                exchange.answer = _answer(message, not from_client)
            elif message.mtype is not ACK:
                kind = "confirmable " if message.mtype is CON else ""
                text = "%snotify %s %s" % (kind, exchange.target, _answer(message, False))
                notification = Exchange(from_client, text, number, alone=True)
                notification.token = message.token
                found.append(notification)
    return found


def summary(found):
    """Lines for a document: the server's requests in their order, then what the client began.

    Repetitions are left out, and the client's own are sorted: when they come is not the same in
    every run.
    """
    asked = [str(each) for each in found if not each.by_client]
    told = sorted(str(each) for each in found if each.by_client)
    return list(dict.fromkeys(asked)) + list(dict.fromkeys(told))
