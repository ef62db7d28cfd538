"""Object 5, Firmware Update: every state and result (TS 1.1.1 Core appendix E.6).

Names are those of the test cases of OMA where there is one (LightweightM2M-1.0-int-751 to 780).
"""

import os
import sys

import packages
from helpers import raises
from update_site import CONTINUE, DOWNLOADED, DOWNLOADING, IDLE, UPDATING, Site, once

from firmware.version import VERSION

CHANGED, CONTENT = 0x44, 0x45
BAD_REQUEST, NOT_FOUND, NOT_ALLOWED, INCOMPLETE = 0x80, 0x84, 0x85, 0x88
TOO_LARGE, UNSUPPORTED_FORMAT, INTERNAL, UNAVAILABLE = 0x8D, 0x8F, 0xA0, 0xA3
URI = b"coap://files.example/fw/new.pkg"


def downloaded(site, version="1.0.0", **more):
    """Pushes a good package; returns it."""
    data = packages.make(site.key, version, **more)
    assert site.push(data).code == CHANGED
    site.tasks.run(1000)
    assert site.state() == (DOWNLOADED, 0), site.logged
    return data


def restarted(site):
    """The device restarts, into the copy that was chosen."""
    chosen = once_slots(site)._read()[0]
    site.running = chosen
    sys.path[:] = [each for each in sys.path if not each.startswith("/slot")]
    if chosen:
        sys.path.insert(0, "/slot%d" % chosen)
    site.trial = once_slots(site)._read()[2] > 0
    return site.start()


def once_slots(site):
    from firmware import slots

    return slots


def test_int_751_querying_the_readable_resources():
    with Site() as site:
        for rid, value in ((1, ""), (3, IDLE), (5, 0), (9, 2), (11, 1), (13, 0)):
            assert site.value(rid) == value, rid
        for rid in (6, 7, 12):
            assert site.peer.get("/5/0/%d" % rid).code == NOT_FOUND
        assert site.peer.get("/5/0/8/0").payload == b"0"
        for rid in (0, 2, 10):
            assert site.peer.get("/5/0/%d" % rid).code == NOT_ALLOWED
        assert site.peer.get("/5/0/4").code == NOT_FOUND
        assert site.peer.get("/5/0").code == CONTENT
        link = str(site.peer.get("/5", accept=40).payload, "utf-8")
        assert link.startswith("</5>;ver=1.1,</5/0>,</5/0/0>,</5/0/1>"), link


def test_int_755_setting_the_package():
    with Site() as site:
        # In one block without a Block1 option, and what is no package
        answer = site.peer.put("/5/0/0", packages.make(site.key, size=200, files=1), 42)
        assert answer.code == CHANGED
        site.tasks.run(100)
        assert site.state() == (DOWNLOADED, 0)
        # Both empty values reset
        for reset in (b"\0", b""):
            assert site.peer.put("/5/0/0", reset, 42).code == CHANGED
            assert site.state() == (IDLE, 0) and site.value(7) is None
            assert site.push(packages.make(site.key)).code == CHANGED
            site.tasks.run(1000)
            assert site.state() == (DOWNLOADED, 0)


def test_int_756_setting_the_package_uri():
    with Site() as site:
        assert site.peer.put("/5/0/1", URI, 0).code == CHANGED
        assert site.state() == (DOWNLOADING, 0) and site.value(1) == str(URI, "utf-8")
        assert site.peer.put("/5/0/1", URI, 0).code == NOT_ALLOWED
        assert site.peer.put("/5/0/1", b"", 0).code == CHANGED
        assert site.state() == (IDLE, 0) and site.value(1) == ""
        assert site.peer.put("/5/0/1", b"c" * 256, 0).code == BAD_REQUEST
        assert site.peer.put("/5/0/11", b"3", 0).code == BAD_REQUEST
        assert site.peer.put("/5/0/11", b"2", 0).code == CHANGED
        assert site.peer.put("/5/0/13", b"4000000000", 0).code == CHANGED
        assert (site.value(11), site.value(13)) == (2, 4000000000)


def test_int_760_observation():
    with Site() as site:
        site.peer.observe("/5/0/3", b"st", accept=0)
        site.peer.observe("/5/0/5", b"re", accept=0)
        site.push(packages.make(site.key))
        seen = []
        for ms in (10, 1000):
            site.tasks.run(ms)
            for _, message in site.peer.run(10):
                seen.append((message.token, message.payload))
        assert seen[-1] == (b"st", b"2"), seen
        assert site.peer.post("/5/0/10").code == CHANGED
        seen = [(message.token, message.payload) for _, message in site.peer.run(10)]
        assert sorted(seen) == [(b"re", b"10"), (b"st", b"0")]


def test_observers_of_what_goes_are_told():
    with Site() as site:
        site.files[b"/fw/new.pkg"] = (packages.make(site.key), b"one")
        site.peer.put("/5/0/1", URI, 0)
        site.tasks.run(10000)
        for rid, token in ((1, b"ur"), (6, b"na"), (7, b"ve")):
            assert site.peer.observe("/5/0/%d" % rid, token, accept=0).code == CONTENT
        site.update["state"] = UPDATING
        once("states", "end", site, 1)
        seen = [(each.token, each.code, each.payload) for _, each in site.peer.run(10)]
        assert sorted(seen) == [
            (b"na", NOT_FOUND, b""),
            (b"ur", CONTENT, b""),
            (b"ve", NOT_FOUND, b""),
        ], seen


def test_a_copy_that_runs_is_not_chosen():
    with Site(running=1) as site:
        with open("slot1.pkg", "wb") as file:
            file.write(packages.make(site.key))
        error = raises(ValueError, once_slots(site).choose, 1, "1.0.0")
        assert "slot 1 runs" in str(error)
        assert once_slots(site)._read()[0] == 0


def test_push_in_every_format_and_block_size():
    with Site() as site:
        data = packages.make(site.key)
        tlv = b"\xd0\x00" + len(data).to_bytes(2, "big") + data
        cbor = b"\x59" + len(data).to_bytes(2, "big") + data
        for szx in range(2, 7):
            for content_format, body in ((42, data), (11542, tlv), (60, cbor)):
                for size1 in (True, False):
                    assert site.peer.put("/5/0/0", b"\0", 42).code == CHANGED
                    answer = site.push(body, szx, content_format, size1)
                    assert answer.code == CHANGED, (szx, content_format, answer.payload)
                    assert site.state() == (DOWNLOADING, 0)
                    site.tasks.run(1000)
                    assert site.state() == (DOWNLOADED, 0), site.logged
                    assert site.slot()[: len(data)] == data
                    assert (site.value(6), site.value(7)) == ("firmware", "1.0.0")
        assert site.logged == []


def test_wrong_formats_of_a_push():
    with Site() as site:
        data = packages.make(site.key)
        assert site.push(data, content_format=0).code == UNSUPPORTED_FORMAT
        assert site.push(data, content_format=110).code == UNSUPPORTED_FORMAT
        length = len(data).to_bytes(2, "big")
        for content_format, body in (
            (11542, b"\xd0\x01" + length + data),  # another resource
            (11542, b"\x10\x00" + length + data),  # an object instance
            (11542, b"\xd0\x00" + (len(data) - 1).to_bytes(2, "big") + data),
            (11542, b"\xd0\x00" + (len(data) + 1).to_bytes(2, "big") + data),
            (60, b"\x79" + length + data),  # a text
            (60, b"\x5f" + data),
            (60, b"\x59" + (len(data) - 1).to_bytes(2, "big") + data),
            (60, b"\x59" + (len(data) + 1).to_bytes(2, "big") + data),
        ):
            answer = site.push(body, content_format=content_format)
            assert answer.code == BAD_REQUEST, (content_format, body[:4], answer.code)
            site.tasks.run(1000)
            assert site.value(3) in (IDLE, DOWNLOADING)
            assert site.peer.put("/5/0/0", b"\0", 42).code == CHANGED
        assert site.peer.post("/5/0/0", b"x", 42).code == NOT_ALLOWED


def test_blocks_again_and_gaps():
    with Site() as site:
        data = packages.make(site.key)
        for number in range((len(data) + 511) // 512):
            more = 512 * (number + 1) < len(data)
            expected = CONTINUE if more else CHANGED
            for _ in range(2):  # the same message id: a copy on the way
                assert site.block(data, number, mid=700 + number).code == expected
            if more:  # another one: the server has lost the answer
                assert site.block(data, number, mid=800 + number).code == expected
                assert site.block(data, number + 2).code == INCOMPLETE
                changed = data[: 512 * number] + b"?" + data[512 * number + 1 :]
                if number:
                    assert site.block(changed, number).code == INCOMPLETE
        site.tasks.run(1000)
        assert site.state() == (DOWNLOADED, 0), site.logged
        assert site.slot()[: len(data)] == data
        # One that begins in the middle, where nothing is
        assert site.peer.put("/5/0/0", b"\0", 42).code == CHANGED
        assert site.block(data, 3).code == INCOMPLETE and site.state() == (IDLE, 0)
        # A server that begins anew
        site.push(data, stop=4)
        assert site.push(data).code == CHANGED
        site.tasks.run(1000)
        assert site.state() == (DOWNLOADED, 0), site.logged


def test_int_770_successful_update_by_push():
    with Site() as site:
        data = downloaded(site)
        assert site.peer.post("/5/0/2").code == CHANGED
        assert site.state() == (UPDATING, 0) and len(site.later) == 1
        site.later.pop()()
        assert site.resets == 1
        restarted(site)
        assert site.running == 1 and site.trial and site.state() == (UPDATING, 0)
        site.tasks.run(5000)
        assert site.state() == (UPDATING, 0)
        site.peer.observe("/5/0/5", b"re", accept=0)
        once_slots(site).confirm()
        site.trial = False
        site.tasks.run(2000)
        assert site.state() == (IDLE, 1) and site.value(7) is None
        assert [message.payload for _, message in site.peer.run(10)] == [b"1"]
        # and the next one goes to the other slot
        restarted(site)
        assert site.state() == (IDLE, 1)
        newer = downloaded(site, "1.1.0", seed=9)
        assert site.slot(1)[: len(data)] == data and site.slot(2) == newer


def test_int_771_successful_update_by_pull():
    with Site() as site:
        data = packages.make(site.key, size=40000)
        site.files[b"/fw/new.pkg"] = (data, b"one")
        assert site.peer.put("/5/0/1", URI, 0).code == CHANGED
        assert site.state() == (DOWNLOADING, 0)
        site.tasks.run(60000)
        assert site.state() == (DOWNLOADED, 0), site.logged
        assert site.slot() == data and site.value(1) == str(URI, "utf-8")
        assert [each.closed for each in site.links] == [True]
        tenths = ["update: %d %%" % each for each in range(10, 110, 10)]
        assert [each for each in site.noticed if each.endswith("%")] == tenths
        assert site.peer.post("/5/0/2").code == CHANGED
        site.later.pop()()
        restarted(site)
        once_slots(site).confirm()
        site.trial = False
        site.tasks.run(2000)
        assert site.state() == (IDLE, 1) and site.value(1) == ""


def test_int_772_installation_without_a_package():
    with Site() as site:
        for _ in range(2):
            assert site.peer.post("/5/0/2").code == NOT_ALLOWED
            assert site.state() == (IDLE, 0)
            site.push(packages.make(site.key), stop=3)
            assert site.peer.post("/5/0/2").code == NOT_ALLOWED
            assert site.state() == (DOWNLOADING, 0)
            site.peer.put("/5/0/0", b"\0", 42)
        assert site.resets == 0 and site.later == []


def test_int_773_shortage_of_storage():
    with Site() as site:
        data = packages.make(site.key)
        site.board.SLOT_BYTES = len(data) - 1
        answer = site.push(data)  # its size is in the first block
        assert answer.code == TOO_LARGE and site.state() == (IDLE, 2)
        answer = site.push(data, size1=False)  # or in its head
        assert answer.code == TOO_LARGE and site.state() == (IDLE, 2)
        site.board.SLOT_BYTES = 512
        answer = site.push(data, size1=False)
        assert answer.code == TOO_LARGE and site.state() == (IDLE, 2)
        site.files[b"/fw/new.pkg"] = (data, b"")
        site.peer.put("/5/0/1", URI, 0)
        site.tasks.run(60000)
        assert site.state() == (IDLE, 2)
        site.board.SLOT_BYTES = len(data)
        assert site.push(data).code == CHANGED
        site.tasks.run(1000)
        assert site.state() == (DOWNLOADED, 0)


def test_the_flash_refuses():
    class Full:
        def seek(self, at):
            pass

        def close(self):
            pass

        def write(self, data):
            raise OSError(28, "no space")

    with Site() as site:
        data = packages.make(site.key)
        site.push(data, stop=2)
        site.transfer.file.close()
        site.transfer.file = Full()
        assert site.block(data, 2).code == TOO_LARGE
        assert site.state() == (IDLE, 2) and "no space" in site.logged[0]
        assert site.block(data, 3).code == INCOMPLETE


def test_int_774_out_of_memory():
    with Site() as site:
        data = packages.make(site.key)
        real = site.module_incoming.once

        def lacking(name, *more):
            if name == "signature":
                raise MemoryError("no memory")
            return real(name, *more)

        site.module_incoming.once = lacking
        assert site.push(data).code == INTERNAL
        assert site.state() == (IDLE, 3)
        site.files[b"/fw/new.pkg"] = (data, b"")
        site.peer.put("/5/0/1", URI, 0)
        site.tasks.run(60000)
        assert site.state() == (IDLE, 3)
        site.module_incoming.once = real
        downloaded(site)


def test_no_memory_to_begin_a_pull_with():
    for times, state in ((2, (DOWNLOADED, 0)), (9, (IDLE, 3))):
        with Site() as site:
            site.files[b"/fw/new.pkg"] = (packages.make(site.key), b"")
            real = site.module_pull.once
            left = [times]

            def lacking(name, *more, real=real, left=left):
                if name == "arrival" and left[0]:
                    left[0] -= 1
                    raise MemoryError("no memory")
                return real(name, *more)

            site.module_pull.once = lacking
            assert site.peer.put("/5/0/1", URI, 0).code == CHANGED
            assert site.state() == (DOWNLOADING, 0)
            site.tasks.run(20000)
            assert site.state() == state, site.logged


def test_int_775_connection_lost_during_download():
    with Site() as site:
        data = packages.make(site.key, size=20000)
        site.files[b"/fw/new.pkg"] = (data, b"one")
        site.lost = lambda message: site.asked > 12
        site.peer.put("/5/0/1", URI, 0)
        site.tasks.run(20000)
        assert site.state() == (DOWNLOADING, 0)
        site.tasks.run(3600000)
        assert site.state() == (IDLE, 4)
        assert "no answer" in site.logged[-1] and all([each.closed for each in site.links])
        # A push that ends in the middle
        site.push(data, stop=3)
        site.tasks.run(120000)
        assert site.state() == (DOWNLOADING, 0)
        site.tasks.run(122000)
        assert site.state() == (IDLE, 4)
        assert site.block(data, 3).code == INCOMPLETE


def test_int_776_integrity_check_failure():
    with Site() as site:
        data = packages.make(site.key)
        head = len(data) - 5000
        for wrong in (
            data[:40] + b"?" + data[41:],  # the signature's part
            data[: head - 1] + bytes((data[head - 1] ^ 1,)) + data[head:],
            data[:head] + bytes((data[head] ^ 1,)) + data[head + 1 :],  # a file
            data[:-1] + bytes((data[-1] ^ 128,)),
            data[:-1],
            data[:head],
            data[: head - 1],
            data[:20],
            data + b"?",
            packages.make(packages.new_key()),
        ):
            answer = site.push(wrong)
            assert answer.code in (CHANGED, BAD_REQUEST)
            site.tasks.run(1000)
            assert site.state() == (IDLE, 5), (len(wrong), site.logged)
            assert site.peer.post("/5/0/2").code == NOT_ALLOWED
            assert site.logged.pop() and not site.logged
    with Site(key=False) as site:
        assert site.push(packages.make(packages.new_key())).code == BAD_REQUEST
        assert site.state() == (IDLE, 5) and "update key" in site.logged[0]


def test_int_777_unsupported_package_type():
    with Site() as site:
        for wrong in (
            b"\x7fELF" + bytes(5000),
            bytes(16),
            packages.make(site.key, board="b_l475e_iot01a"),
            packages.make(site.key, micropython="9.0"),
            packages.make(site.key, mpy=1),
            packages.make(site.key, march="xtensawin"),
        ):
            answer = site.push(wrong)
            assert answer.code == BAD_REQUEST
            site.tasks.run(1000)
            assert site.state() == (IDLE, 6), site.logged
        # It is refused with its first block, or as soon as the head is there
        assert site.push(b"\x7fELF" + bytes(5000), stop=1).code == BAD_REQUEST


def test_int_778_invalid_uri():
    with Site() as site:
        for uri in (
            "nonsense",
            "coap://",
            "coap:///fw",
            "coap://host:0/fw",
            "coap://host:x/fw",
            "coap://[::1/fw",
            "coap://host/%zz",
            "coap://host/a b",
            'coap://host/"',
        ):
            assert site.peer.put("/5/0/1", uri.encode(), 0).code == CHANGED
            assert site.state() == (IDLE, 7), uri
            assert site.value(1) == uri
        assert site.links == []
        # where nothing is
        site.peer.put("/5/0/1", URI, 0)
        assert site.state() == (DOWNLOADING, 0)
        site.tasks.run(1000)
        assert site.state() == (IDLE, 7) and "answered 4.04" in site.logged[-1]


def test_int_779_unsuccessful_update():
    with Site() as site:
        downloaded(site)
        # as main.py goes back after a trial that failed
        site.peer.post("/5/0/2")
        site.later.pop()()
        restarted(site)
        slots = once_slots(site)
        kept = slots._read()
        slots._write(kept[1], 0, 0, 8, kept[5], 0)
        restarted(site)
        # The package is there still (State in appendix E.6), and may be tried again
        assert site.running == 0 and site.state() == (DOWNLOADED, 8)
        restarted(site)
        assert site.state() == (DOWNLOADED, 8) and site.value(7) == "1.0.0"
        site.resets = 0
        assert site.peer.post("/5/0/2").code == CHANGED and site.state() == (UPDATING, 0)
        site.later.pop()()
        assert site.resets == 1
        slots._write(kept[1], 0, 0, 8, kept[5], 0)
        restarted(site)
        assert site.state() == (DOWNLOADED, 8)
        assert site.push(packages.make(site.key)).code == NOT_ALLOWED
        assert site.peer.put("/5/0/1", b"", 0).code == CHANGED and site.state() == (IDLE, 0)
        # no downgrade, unless allowed
        old = packages.make(site.key, "0.0.9")
        assert site.push(old).code == BAD_REQUEST and site.state() == (IDLE, 8)
        site.settings = {"downgrade": True}
        assert site.push(old).code == CHANGED
        site.tasks.run(1000)
        assert site.state() == (DOWNLOADED, 0)
        # a flash that refuses to choose leaves it as it was
        site.peer.post("/5/0/2")
        os.remove("slot1.pkg")
        resets = site.resets
        site.later.pop()()
        assert site.resets == resets and site.state() == (DOWNLOADED, 8)


def test_int_780_unsupported_protocol():
    with Site() as site:
        for uri in (
            b"http://host/fw",
            b"ftp://host/fw",
            b"coap+tcp://host/fw",
            b"coaps://host/fw",
        ):
            site.module_update.secure = lambda: False
            assert site.peer.put("/5/0/1", uri, 0).code == CHANGED
            assert site.state() == (IDLE, 9), uri
        site.module_update.secure = lambda: True
        site.peer.put("/5/0/1", b"coaps://host/fw", 0)
        site.tasks.run(1000)
        assert site.state() == (IDLE, 9)  # no account with credentials
        assert "credentials" in site.logged[-1]


def test_what_each_state_forbids():
    with Site() as site:
        data = packages.make(site.key, "1.0.0")

        def tried():
            codes = []
            for code in (
                site.peer.put("/5/0/1", URI, 0),
                site.peer.put("/5/0/0", data[:100], 42),
                site.block(data, 0),
            ):
                codes.append(code.code)
            return codes

        site.peer.put("/5/0/1", URI, 0)
        assert tried() == [NOT_ALLOWED] * 3 and site.state() == (DOWNLOADING, 0)
        assert site.peer.post("/5/0/2").code == NOT_ALLOWED
        site.peer.put("/5/0/1", b"", 0)
        downloaded(site)
        assert tried() == [NOT_ALLOWED] * 3 and site.state() == (DOWNLOADED, 0)
        assert site.peer.post("/5/0/2").code == CHANGED
        assert tried() == [NOT_ALLOWED] * 3 and site.state() == (UPDATING, 0)
        for reset in (
            site.peer.put("/5/0/1", b"", 0),
            site.peer.put("/5/0/0", b"\0", 42),
            site.peer.post("/5/0/2"),
            site.peer.post("/5/0/10"),
        ):
            assert reset.code == NOT_ALLOWED
        assert site.state() == (UPDATING, 0)


def test_a_write_of_the_instance_resets_nothing_that_it_does_not_name():
    severity = b"\xc1\x0b\x02"
    with Site() as site:
        site.peer.put("/5/0/13", b"60", 0)
        data = downloaded(site)
        assert site.peer.put("/5/0", severity, 11542).code == CHANGED
        assert site.state() == (DOWNLOADED, 0) and (site.value(11), site.value(13)) == (2, 0)
        site.peer.post("/5/0/2")
        assert site.peer.put("/5/0", severity, 11542).code == CHANGED
        assert site.state() == (UPDATING, 0)
        site.later.pop()()
        assert site.resets == 1 and site.slot()[: len(data)] == data
    with Site() as site:
        site.peer.put("/5/0/1", b"http://host/fw", 0)
        assert site.peer.put("/5/0", severity, 11542).code == CHANGED
        assert site.state() == (IDLE, 9) and site.value(1) == "http://host/fw"
        # named, it does
        assert site.peer.put("/5/0", severity + b"\xc0\x01", 11542).code == CHANGED
        assert site.state() == (IDLE, 0) and site.value(1) == ""


def test_what_is_installed_is_checked_once_more():
    def stale(site):
        # A flash that refuses once: the record tells what is no more, as after a restart.
        downloaded(site)
        record = __import__("firmware.update_record").update_record
        real = record.once

        def refuses(name, *more):
            if name == "storage":
                raise OSError(28, "no space")
            return real(name, *more)

        record.once = refuses
        site.peer.put("/5/0/0", b"\0", 42)
        record.once = real

    with Site() as site:
        stale(site)
        # Its head is longer than the first block, and its last block says that there are more
        wrong = packages.make(packages.new_key(), "9.9.9", size=900, files=8)
        assert len(wrong) < 2048
        assert site.push(wrong + bytes(4096), stop=4).code == CONTINUE
        site.transfer.file.flush()
        assert site.slot()[: len(wrong)] == wrong
        restarted(site)
        assert site.state() == (DOWNLOADED, 0)
        assert site.peer.post("/5/0/2").code == CHANGED
        site.later.pop()()
        assert site.state() == (IDLE, 5) and site.resets == 0
        assert "signature" in site.logged[-1] and once_slots(site)._read()[0] == 0
    with Site() as site:
        data = downloaded(site)
        with open("slot1.pkg", "r+b") as file:
            file.seek(len(data) - 1)
            file.write(bytes((data[-1] ^ 1,)))
        site.peer.post("/5/0/2")
        site.later.pop()()
        assert site.state() == (IDLE, 5) and site.resets == 0
        # What was given up meanwhile is not installed
        downloaded(site)
        site.peer.post("/5/0/2")
        site.update["state"] = DOWNLOADED
        site.peer.post("/5/0/10")
        site.later.pop()()
        assert site.state() == (IDLE, 10) and site.resets == 0


def test_a_slot_that_cannot_be_chosen_ends_a_pull():
    # and not the firmware, at each start anew
    with Site(slots=1, running=1) as site:

        def refuses():
            raise OSError(5, "EIO")

        real = once_slots(site).factory
        once_slots(site).factory = refuses
        try:
            assert site.peer.put("/5/0/1", URI, 0).code == CHANGED
            site.tasks.run(10)
        finally:
            once_slots(site).factory = real
        assert site.state() == (IDLE, 2) and "EIO" in site.logged[-1] and site.restarts == 0
        site.start()
        site.tasks.run(10)
        assert site.state() == (IDLE, 2)


def test_a_pull_after_a_push_that_found_no_memory():
    with Site() as site:
        data = packages.make(site.key)
        site.files[b"/fw/new.pkg"] = (data, b"one")
        real = site.receive

        def lacking(size):
            once("arrival", "push", site, size)
            raise MemoryError("no memory")

        site.receive = lacking
        site.table.drop()
        assert site.push(data).code == INTERNAL
        site.receive = real
        site.table.drop()
        assert site.transfer is not None
        site.table.entry(5, 0).own = ()
        assert site.state() == (IDLE, 0)
        assert site.peer.put("/5/0/1", URI, 0).code == CHANGED
        site.tasks.run(60000)
        assert site.state() == (DOWNLOADED, 0), site.logged


def test_only_credentials_of_the_server_that_asks_are_used():
    class Connection:
        def __init__(self, iid, secure, **more):
            self.account = dict(more, secure=secure, security_iid=iid)

    with Site() as site:
        real = site.module_pull.once
        site.module_pull.once = lambda name, function, iid: iid
        site.connections = [
            Connection(0, True),  # of a Bootstrap-Server
            Connection(1, True, short_server_id=10),
            Connection(2, False, short_server_id=20),
            Connection(3, True, short_server_id=30),
        ]
        for writer, iid in ((10, 1), (30, 3), (20, None), (0, None)):
            site.update = {"from": writer}
            try:
                assert site.module_pull.credentials(site) == iid
            except OSError as error:
                assert iid is None and error.args[0] == 22
        site.module_pull.once = real
        # Who asks is known of a Write of many objects, too
        site.update = {}
        site.client.writer = None
        payload = b'[{"n":"/5/0/1","vs":"coap://host/fw"}]'
        assert site.peer.ask(7, "", payload, 110).code == CHANGED
        assert site.update["from"] == site.client.sessions[0].server.short_server_id


def test_what_a_log_tells_of_a_uri():
    with Site() as site:
        for uri in (
            b"http://name:word@host/fw?token=word",
            b"coap://name:word@host\x1b[2J?a=word",
        ):
            assert site.peer.put("/5/0/1", uri, 0).code == CHANGED
            assert "word" not in site.logged[-1] and "host" in site.logged[-1]
            assert "\x1b" not in site.logged[-1]
        site.peer.put("/5/0/1", URI + b"?token=word", 0)
        site.tasks.run(1000)
        assert site.state() == (IDLE, 7) and "answered 4.04" in site.logged[-1]
        assert "word" not in site.logged[-1]


def test_cancel():
    with Site() as site:
        assert site.peer.post("/5/0/10").code == NOT_ALLOWED and site.state() == (IDLE, 0)
        data = packages.make(site.key)
        site.push(data, stop=3)
        assert site.peer.post("/5/0/10").code == CHANGED and site.state() == (IDLE, 10)
        assert site.block(data, 3).code == INCOMPLETE and site.state() == (IDLE, 10)
        assert site.push(data).code == CHANGED
        assert site.peer.post("/5/0/10").code == CHANGED  # while it is read back
        site.tasks.run(1000)
        assert site.state() == (IDLE, 10)
        downloaded(site)
        assert site.peer.post("/5/0/10").code == CHANGED and site.state() == (IDLE, 10)
        assert site.peer.post("/5/0/2").code == NOT_ALLOWED
        site.files[b"/fw/new.pkg"] = (data, b"one")
        site.lost = lambda message: site.asked > 5
        site.peer.put("/5/0/1", URI, 0)
        site.tasks.run(100)
        assert site.transfer.taken == 5 * 512
        assert site.peer.post("/5/0/10").code == CHANGED
        site.tasks.run(300000)
        assert site.state() == (IDLE, 10) and site.links[0].closed and site.tasks.tasks == []


def test_deferred_while_busy():
    with Site() as site:
        downloaded(site)
        site.busy = True
        site.peer.put("/5/0/13", b"60", 0)
        assert site.peer.post("/5/0/2").code == CHANGED
        assert site.state() == (DOWNLOADED, 11) and site.later == []
        site.tasks.run(50000)
        assert site.state() == (DOWNLOADED, 11)
        assert site.peer.post("/5/0/2").code == CHANGED  # once more: as before
        assert site.state() == (DOWNLOADED, 11)
        site.tasks.run(12000)  # the time is over
        assert site.state() == (UPDATING, 0) and len(site.later) == 1
    for free in (True, False):
        with Site() as site:
            downloaded(site)
            site.busy = True
            site.peer.put("/5/0/13", b"60", 0)
            site.peer.post("/5/0/2")
            site.tasks.run(5000)
            if free:  # it is free earlier
                site.busy = False
                site.tasks.run(2000)
                assert site.state() == (UPDATING, 0) and len(site.later) == 1
            else:  # or the server thinks better of it
                assert site.peer.post("/5/0/10").code == CHANGED
                site.tasks.run(100000)
                assert site.state() == (IDLE, 10) and site.later == []
    # Nothing is put off that is critical, or where no period was given
    for severity, period in ((b"0", b"60"), (b"1", b"0")):
        with Site() as site:
            downloaded(site)
            site.busy = True
            site.peer.put("/5/0/11", severity, 0)
            site.peer.put("/5/0/13", period, 0)
            assert site.peer.post("/5/0/2").code == CHANGED
            assert site.state() == (UPDATING, 0)


def test_a_restart_in_between():
    with Site() as site:
        data = downloaded(site)
        site.peer.put("/5/0/13", b"60", 0)
        site.busy = True
        site.peer.post("/5/0/2")
        restarted(site)
        assert site.state() == (DOWNLOADED, 11) and site.value(7) == "1.0.0"
        site.tasks.run(30000)
        assert site.state() == (DOWNLOADED, 11)
        site.tasks.run(31000)  # a new period, at its end it is installed
        assert site.state() == (UPDATING, 0)
        # before the slot was chosen: it can be done again
        restarted(site)
        assert site.running == 0 and site.state() == (DOWNLOADED, 0)
        site.busy = False
        assert site.peer.post("/5/0/2").code == CHANGED
        site.later.pop()()
        restarted(site)
        assert site.running == 1 and site.slot()[: len(data)] == data
        # confirmed, and the power went before it was told
        once_slots(site).confirm()
        once_slots(site).outcome()
        restarted(site)
        assert site.state() == (IDLE, 1)
        # a push does not survive
        site.push(packages.make(site.key, "2.0.0"), stop=3)
        restarted(site)
        assert site.state() == (IDLE, 1)


def test_a_pull_goes_on_after_a_restart_and_a_break():
    with Site() as site:
        data = packages.make(site.key, size=50000)
        site.files[b"/fw/new.pkg"] = (data, b"one")
        site.lost = lambda message: site.asked > 80
        site.peer.put("/5/0/1", URI, 0)
        site.tasks.run(10000)
        assert site.transfer.taken == 80 * 512
        restarted(site)
        assert site.state() == (DOWNLOADING, 0)
        site.asked = 0
        site.tasks.run(10)
        assert "update: going on after 32768 bytes" in site.noticed
        site.tasks.run(60000)
        assert site.state() == (DOWNLOADED, 0), site.logged
        assert site.slot() == data
        assert site.asked < 40, site.asked  # from 32,768 on
        # The link breaks again and again
        site.peer.put("/5/0/1", b"", 0)
        site.asked = 0
        site.lost = lambda message: site.asked % 20 == 19
        site.peer.put("/5/0/1", URI, 0)
        for _ in range(60):
            site.tasks.run(5000)
            site.broken = not site.broken
        site.broken = False
        site.tasks.run(300000)
        assert site.state() == (DOWNLOADED, 0), site.logged
        assert site.slot() == data
    # It was another package meanwhile
    with Site() as site:
        old = packages.make(site.key, size=50000, seed=5)
        site.files[b"/fw/new.pkg"] = (old, b"old")
        site.lost = lambda message: site.asked > 80
        site.peer.put("/5/0/1", URI, 0)
        site.tasks.run(10000)
        restarted(site)
        site.files[b"/fw/new.pkg"] = (data, b"new")
        site.lost = lambda message: False
        site.key = None
        site.tasks.run(200000)
        assert site.state() == (IDLE, 5), site.logged  # it is of another key, and seen to be


def test_one_slot_that_runs():
    for push in (True, False):
        with Site(slots=1, running=1) as site:
            data = packages.make(site.key, "1.0.0", size=20000)
            site.files[b"/fw/new.pkg"] = (data, b"one")
            if push:
                assert site.push(data).code == UNAVAILABLE
                assert site.state() == (IDLE, 0)
            else:
                assert site.peer.put("/5/0/1", URI, 0).code == CHANGED
                assert site.state() == (DOWNLOADING, 0) and site.links == []
                site.tasks.run(10)
            assert site.restarts == 1 and not os.listdir(".").count("slot1.pkg")
            restarted(site)
            assert site.running == 0
            if push:
                assert site.push(data).code == CHANGED
            site.tasks.run(60000)
            assert site.state() == (DOWNLOADED, 0), site.logged
            assert site.slot() == data
            # older than what ran is a downgrade, though the factory's copy is older still
            site.peer.put("/5/0/1", b"", 0)
            site.update["floor"] = "1.0.1"
            assert site.push(data).code == BAD_REQUEST
            assert site.state() == (IDLE, 8)


def test_a_failed_trial_lets_no_older_version_in():
    # Where only the factory's copy is left, which is older than all.
    for result, ended, state in ((8, DOWNLOADED, (IDLE, 8)), (1, IDLE, (DOWNLOADED, 0))):
        with Site(slots=1) as site:
            site.peer.put("/5/0/11", b"2", 0)
            site.update["floor"] = "2.0.0"
            downloaded(site, "3.0.0")
            site.peer.post("/5/0/2")
            site.later.pop()()
            slots = once_slots(site)
            kept = slots._read()
            slots._write(kept[1], 0, 0, result, kept[5], 0)
            restarted(site)
            assert site.running == 0 and site.state() == (ended, result)
            site.peer.put("/5/0/1", b"", 0)
            assert site.push(packages.make(site.key, "1.0.0")).code in (CHANGED, BAD_REQUEST)
            site.tasks.run(1000)
            assert site.state() == state, site.logged


def test_no_room_for_a_second_copy():
    with Site(slots=0) as site:
        assert site.push(packages.make(site.key)).code == TOO_LARGE
        assert site.state() == (IDLE, 2)
        site.peer.put("/5/0/1", b"", 0)
        assert site.peer.put("/5/0/1", URI, 0).code == CHANGED
        site.tasks.run(10)
        assert site.state() == (IDLE, 2) and site.restarts == 0


def test_the_state_before_the_first_update():
    with Site() as site:
        assert VERSION and site.update is None
        assert "state" not in os.listdir(".") or "update.0" not in os.listdir("state")
