"""The arguments of an Execute (TS 1.1.1 Core section 6.3.5), alone and over the wire."""

import sys

from helpers import raises
from peer import Peer, Sample

from coap.numbers import BAD_REQUEST, CHANGED, TEXT
from lwm2m.arguments import parse

GOOD = (
    ("", {}),
    ("0", {0: None}),
    ("9", {9: None}),
    ("2,1,0", {0: None, 1: None, 2: None}),
    ("0='text',1", {0: "text", 1: None}),
    ("3='stringValue',4", {3: "stringValue", 4: None}),
    ("5=''", {5: ""}),
    ("1,2='x,y=z',9=''", {1: None, 2: "x,y=z", 9: ""}),
    ("0='!#$%&()*+,-./0:;<=>?@AZ[]^_`az{|}~'", {0: "!#$%&()*+,-./0:;<=>?@AZ[]^_`az{|}~"}),
    ("0,1,2,3,4,5,6,7,8,9", {digit: None for digit in range(10)}),
)
BAD = (
    "0,", ",0", ",", "0,,1", "a", "A=1", "10", "00", "-1", "+1", "_1", "1_", " 1", "1 ", "0, 1",
    "0 ='a'", "0= 'a'", "0=", "0='", "0=a", "0='a", "0=a'", "0='a'b", "0='a'1", "0='a' ", "='a'",
    "0='a'='b'", "0=''a'", "0='a','b'", '0="a"', "0='a\"b'", "0='a b'", "0='a\\b'", "0='\n'",
    "0='\x7f'", "0='\x00'", "\n", "\x00", "'", "0;1", "0='a';1", "0,0", "0='a',0", "3,3='b'",
    "0='\u00e9'", "\u00e9", "\u0661", "\u00b2", "5\r\n",
)  # fmt: skip


def test_arguments_by_the_grammar():
    for text, found in GOOD:
        assert parse(text) == found, text
    for text in BAD:
        raises(ValueError, parse, text)


def test_over_the_wire():
    sample = Sample()
    peer = Peer(sample)
    peer.register()
    for content_format in (None, TEXT):
        for text, _ in GOOD:
            assert peer.post("/20000/0/10", text.encode(), content_format).code == CHANGED
            assert sample.executed.pop() == text
        for text in BAD:
            response = peer.post("/20000/0/10", text.encode(), content_format)
            assert response.code == BAD_REQUEST, text
            assert bytes(response.payload) == b"arguments look like 0='value',1"
    for payload in (b"\xff", b"0='\xc3'", b"\xc3", b"0='\xff\xfe'"):  # no UTF-8
        assert peer.post("/20000/0/10", payload).code == BAD_REQUEST
    for content_format in (40, 42, 60, 110, 112, 11542, 65000):
        assert peer.post("/20000/0/10", b"0", content_format).code == BAD_REQUEST
    assert sample.executed == [] and not peer.session.endpoint.faults


def test_without_arguments_nothing_is_loaded():
    sample = Sample()
    peer = Peer(sample)
    peer.register()
    kept = sys.modules.pop("lwm2m.arguments")
    try:
        assert peer.post("/20000/0/10").code == CHANGED
        assert "lwm2m.arguments" not in sys.modules
    finally:
        sys.modules["lwm2m.arguments"] = kept
