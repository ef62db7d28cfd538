"""Messages as lines: what they show, what they never show, and that they disturb nothing."""

from peer import Peer, Sample, encode

from coap.message import Message, uint_bytes
from coap.numbers import (
    ACCEPT,
    ACK,
    BLOCK2,
    CHANGED,
    CON,
    CONTENT_FORMAT,
    GET,
    LOCATION_PATH,
    NON,
    OBSERVE,
    POST,
    PUT,
    RST,
    URI_PATH,
    URI_QUERY,
)
from firmware import trace

SECRET = b"not-to-be-seen"


class Connection:
    """As far as the trace looks at one."""

    uri = "coap://desk"
    account = {"short_server_id": 7}

    def __init__(self, objects):
        self.peer = Peer(*objects)
        self.client = self.peer.client
        self.app = self
        self.session = self.peer.session


class Shown:
    """Context manager: the lines of a trace."""

    def __init__(self, *objects):
        self.connection = Connection(objects or (Sample(),))
        self.lines = []

    def __enter__(self):
        trace._asked.clear()
        trace.print = self.lines.append
        return self

    def __exit__(self, *error):
        del trace.print

    def line(self, incoming, *fields, level=3):
        """The line, or lines, for a message; without the time it begins with."""
        return self.data(incoming, encode(Message(*fields)), level)

    def data(self, incoming, data, level=3):
        begin = len(self.lines)
        show = trace._message if level == 3 else trace._operation
        show(self.connection, incoming, memoryview(data))
        return "|".join([line.split(" ", 1)[1] for line in self.lines[begin:]])


def path(text, *more):
    return [(URI_PATH, part.encode()) for part in text.split("/")[1:]] + list(more)


def test_each_message_in_a_line():
    with Shown() as shown:
        for incoming, fields, line in (
            (
                True,
                (CON, GET, 5, b"\x01\xff", path("/20000/0/1", (ACCEPT, b""))),
                "7 <- CON GET /20000/0/1 accept=text mid=5 token=01ff",
            ),
            (
                False,
                (ACK, 0x45, 5, b"\x01\xff", [(CONTENT_FORMAT, b"")], b"42"),
                "7 -> ACK 2.05 format=text mid=5 token=01ff 42",
            ),
            (
                True,
                (NON, GET, 6, b"o", [(OBSERVE, b"")] + path("/20000/0/1")),
                "7 <- NON GET /20000/0/1 observe=0 mid=6 token=6f",
            ),
            (
                False,
                (NON, 0x45, 7, b"o", [(OBSERVE, b"\x11"), (CONTENT_FORMAT, b"")], b"43"),
                "7 -> NON 2.05 observe=17 format=text mid=7 token=6f 43",
            ),
            (
                True,
                (CON, PUT, 8, b"w", path("/20000/0/8", (CONTENT_FORMAT, b"")), b"new"),
                "7 <- CON PUT /20000/0/8 format=text mid=8 token=77 'new'",
            ),
            (False, (ACK, CHANGED, 8, b"w"), "7 -> ACK 2.04 mid=8 token=77"),
            (
                True,
                (CON, PUT, 9, b"a", path("/20000/0/1", (URI_QUERY, b"pmin=5"))),
                "7 <- CON PUT /20000/0/1 ?pmin=5 mid=9 token=61",
            ),
            (
                False,
                (CON, POST, 10, b"r", path("/rd", (URI_QUERY, b"ep=x")), b"</1/0>"),
                "7 -> CON POST /rd ?ep=x mid=10 token=72 (6 bytes)",
            ),
            (
                True,
                (ACK, 0x41, 10, b"r", [(LOCATION_PATH, b"rd"), (LOCATION_PATH, b"a\n")]),
                "7 <- ACK 2.01 location=rd location=a\\n mid=10 token=72",
            ),
            (
                True,
                (CON, GET, 11, b"b", path("/20000", (BLOCK2, b"\x1e"))),
                "7 <- CON GET /20000 block2=1+/1024 mid=11 token=62",
            ),
            (
                False,
                (ACK, 0x84, 11, b"b", (), b"no such object"),
                "7 -> ACK 4.04 mid=11 token=62 'no such object'",
            ),
            (True, (CON, 0, 12), "7 <- CON empty mid=12"),
            (False, (RST, 0, 12), "7 -> RST empty mid=12"),
            (True, (CON, 6, 1, b"", [(65000, b"x")]), "7 <- CON PATCH option65000 mid=1"),
        ):
            found = shown.line(incoming, *fields)
            assert found == line, (found, line)


def test_operations_in_a_line():
    with Shown() as shown:
        for fields, answer, line in (
            ((CON, GET, 1, b"a", path("/20000/0/1")), 0x45, "Read /20000/0/1: 2.05"),
            ((CON, GET, 1, b"a", path("/1", (ACCEPT, b"\x28"))), 0x45, "Discover /1: 2.05"),
            ((CON, GET, 1, b"a", [(OBSERVE, b"\1")] + path("/3")), 0x45, "Cancel Observation /3"),
            ((CON, PUT, 1, b"a", path("/20000/0/1"), b"1"), 0x44, "Write /20000/0/1: 2.04"),
            ((CON, PUT, 1, b"a", path("/3", (URI_QUERY, b"pmin=1"))), 0x44, "Write-Attributes /3"),
            ((CON, POST, 1, b"a", path("/20000/0/10")), 0x44, "Execute /20000/0/10: 2.04"),
            ((CON, POST, 1, b"a", path("/20000")), 0x41, "Create /20000: 2.01"),
            ((CON, 4, 1, b"a", path("/20000/0")), 0x42, "Delete /20000/0: 2.02"),
            ((CON, 5, 1, b"a", [], b"x"), 0x45, "Read-Composite /: 2.05"),
            ((CON, 7, 1, b"a", [], b"x"), 0x44, "Write-Composite /: 2.04"),
            ((CON, GET, 1, b"a", path("/x")), 0x84, "Read /x: 4.04"),
        ):
            assert shown.line(True, *fields, level=2) == ""
            found = shown.line(False, ACK, answer, 1, b"a", level=2)
            assert found.startswith("7 <- " + line), (found, line)
        for fields, answer, line in (
            ((CON, POST, 1, b"a", path("/rd")), 0x41, "Register /rd: 2.01"),
            ((CON, POST, 1, b"a", path("/rd/a1")), 0x44, "Update /rd/a1: 2.04"),
            ((CON, 4, 1, b"a", path("/rd/a1")), 0x42, "De-register /rd/a1: 2.02"),
            ((CON, POST, 1, b"a", path("/dp")), 0x44, "Send /dp: 2.04"),
            ((CON, POST, 1, b"a", path("/bs")), 0x44, "Bootstrap-Request /bs: 2.04"),
        ):
            assert shown.line(False, *fields, level=2) == ""
            assert shown.line(True, ACK, answer, 1, b"a", level=2) == "7 -> " + line


def test_notifications_are_told_by_name():
    with Shown() as shown:
        observe = [(OBSERVE, b"")] + path("/20000/0/1")
        shown.line(True, CON, GET, 1, b"a", observe, level=2)
        options = [(OBSERVE, b"\5"), (CONTENT_FORMAT, b"")]
        first = shown.line(False, ACK, 0x45, 1, b"a", options, b"1", level=2)
        assert first == "7 <- Observe /20000/0/1: 2.05 1"
        for value in (b"2", b"3"):
            line = shown.line(False, NON, 0x45, 2, b"a", options, value, level=2)
            assert line == "7 <- Notify /20000/0/1: 2.05 " + str(value, "utf8")


def test_credentials_are_never_shown():
    number = uint_bytes(112)
    with Shown() as shown:
        told = []
        senml = b"\x81\xa2\x00\x68/0/0/5\x08\x4e" + SECRET
        for fields in (
            (CON, PUT, 1, b"a", path("/0/0/5", (CONTENT_FORMAT, b"")), SECRET),
            (CON, PUT, 1, b"a", path("/0/0", (CONTENT_FORMAT, number)), senml),
            (CON, PUT, 1, b"a", path("/0", (CONTENT_FORMAT, b"")), SECRET),
            (CON, 7, 1, b"a", [(CONTENT_FORMAT, number)], senml),
            (CON, 7, 1, b"a", [(CONTENT_FORMAT, b"")], SECRET),
            (CON, PUT, 1, b"a", path("/x", (CONTENT_FORMAT, b"")), SECRET),
            (CON, PUT, 1, b"a", path("/20000/0/5", (CONTENT_FORMAT, b"\x2a")), SECRET),
            (CON, PUT, 1, b"a", path("/20000/0/99", (CONTENT_FORMAT, b"")), SECRET),
            (CON, PUT, 1, b"a", path("/bs", (URI_QUERY, b"key=" + SECRET))),
            (CON, PUT, 1, b"a", path("/20000/0/8", (65001, SECRET))),
        ):
            told.append(shown.line(True, *fields))
            told.append(shown.line(True, *fields, level=2))
            if (65001, SECRET) not in fields[4]:  # a resource of type string is no credential
                options = [(CONTENT_FORMAT, b"")]
                told.append(shown.line(False, ACK, 0x45, 1, b"a", options, SECRET))
            # The answer to a request that nobody knows
            told.append(shown.line(False, ACK, 0x45, 1, b"b", [(CONTENT_FORMAT, b"")], SECRET))
        assert "not-to-be" not in "\n".join(told), told
        # Over a connection with a Bootstrap-Server no payload at all, whatever its path
        shown.connection.account = {"bootstrap": True}
        line = shown.line(
            True, CON, PUT, 1, b"a", path("/20000/0/8", (CONTENT_FORMAT, b"")), SECRET
        )
        assert line.endswith("(14 bytes)") and "bootstrap <-" in line
        assert "not-to-be" not in "\n".join(shown.lines)


def test_what_is_no_message_disturbs_nothing():
    with Shown() as shown:
        for data in (b"", b"\x40", b"\x4f\x01\x00\x00", bytes(range(200)), b"\xff" * 1152):
            assert "%d bytes" % len(data) in shown.data(True, data)
            assert "%d bytes" % len(data) in shown.data(True, data, level=2)
        assert shown.data(False, b"\x80\x01\x00\x01") != ""
        for code in (8, 31, 0x20, 0xC1, 0xFF):
            shown.line(True, CON, code, 1, b"t", path("/3"))
            shown.line(True, CON, code, 1, b"t", path("/3"), level=2)


def test_values_are_decoded_and_long_ones_cut():
    with Shown() as shown:
        peer = shown.connection.peer
        peer.register()
        peer.table.find(20000, 0).text = "x" * 10
        for accept in (112, 11542, 110):
            request = Message(CON, GET, 1, b"t", path("/20000/0", (ACCEPT, uint_bytes(accept))))
            shown.line(True, *vars_of(request))
            peer.session.receive(encode(request))
            (data,) = peer.sent
            peer.sent.clear()
            line = shown.data(False, data)
            assert "/20000/0/0='sample' /20000/0/1=1 /20000/0/2=0.5" in line, line
            assert line.endswith("...") and len(line) < 200
        table = trace._asked
        for number in range(100):
            shown.line(True, CON, GET, number, b"%d" % number, path("/3/0/1"))
        assert len(table) <= 8


def vars_of(message):
    return (
        message.mtype,
        message.code,
        message.mid,
        message.token,
        message.options,
        message.payload,
    )
