"""What every encoder gives, cut off at every byte and written back: a value, or 4.00."""

from helpers import same_memory
from peer import Peer, Sample

from coap.numbers import NON
from lwm2m import formats
from lwm2m.read import Target, below

CHANGED, BAD_REQUEST = 0x44, 0x80
TEXT, OPAQUE, TLV = 0, 42, 11542
SINGLE = (TEXT, OPAQUE, 60)
SEVERAL = (110, 112, 320, 322, TLV, 11543)


def rig():
    sample = Sample()
    peer = Peer(sample, lifetime_s=10000000)
    peer.register()
    sample.integer = -(1 << 40)
    sample.number = 0.1
    sample.flag = True
    sample.time = 1 << 33
    sample.blob = b"\x00\xff\x10"
    sample.objlink = (3, 65535)
    sample.unsigned = (1 << 64) - 1
    sample.text = "\u00fc\u6c34"
    sample.list = {0: 1, 700: -70000}
    sample.names = {5: "five"}
    return peer, sample


def writable(peer, base):
    sample = peer.table.find(20000, 0)
    return [
        (path, kind, value)
        for path, kind, value in below(peer.session, base)
        if "W" in sample.row(path[2])[1]
    ]


def write(peer, path, data, number):
    """The code of a partial update of an instance, or of replacing what is below."""
    text = "/" + "/".join(map(str, path))
    response = peer.ask(2 if len(path) == 2 else 3, text, data, number, mtype=NON)
    peer.advance(1000)  # answers are kept for minutes, and their number is bound
    return response.code


def test_formats_of_one_value():
    peer, sample = rig()

    def all_cut():
        for path, kind, _ in writable(peer, (20000, 0)):
            for number in SINGLE:
                if number == OPAQUE and kind != "o":
                    continue
                whole = Target(peer.session, path, number).payload()
                before = sample.values()
                assert write(peer, path, whole, number) == CHANGED, (path, number)
                assert sample.values() == before
                for end in range(len(whole)):
                    code = write(peer, path, whole[:end], number)
                    if number == 60 or code != CHANGED:
                        assert code == BAD_REQUEST, (path, number, whole[:end])
                        assert sample.values() == before
                    else:
                        # Fewer characters are a value too: the one that they spell.
                        assert Target(peer.session, path, number).payload() is not None
                        assert kind != "b", (path, number, whole[:end])
                        assert write(peer, path, whole, number) == CHANGED
                        assert sample.values() == before

    same_memory(peer, all_cut)


def test_formats_of_several_values():
    peer, sample = rig()

    def all_cut():
        for base in ((20000, 0), (20000, 0, 9), (20000, 0, 1), (20000, 0, 9, 700)):
            records = writable(peer, base)
            assert records
            for number in SEVERAL:
                encode = formats.module(number, True).encode
                whole = encode(base, records)
                # Entries of TLV stand one after the other: at their ends it may be cut.
                parts = [encode(base, records[:count]) for count in range(len(records))]
                before = sample.values()
                assert write(peer, base, whole, number) == CHANGED, (base, number)
                assert sample.values() == before, (base, number)
                for end in range(len(whole)):
                    code = write(peer, base, whole[:end], number)
                    if code == CHANGED:
                        assert number == TLV and len(base) == 2, (base, number)
                        assert whole[:end] in parts, whole[:end]
                        assert sample.values() == before
                    else:
                        assert code == BAD_REQUEST, (base, number, whole[:end])
                        assert sample.values() == before

    same_memory(peer, all_cut)
