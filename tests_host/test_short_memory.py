"""Where memory is short: what is tried once more, what is kept and what is given back."""

import sys

from helpers import raises
from test_endpoint import (
    ACK,
    CHANGED,
    CON,
    CONTENT,
    DELETE,
    FETCH,
    GET,
    INTERNAL_SERVER_ERROR,
    IPATCH,
    PATH,
    POST,
    PUT,
    Rig,
    packet,
)

import firmware
from firmware.objects import example  # noqa: F401 - one that stays
from firmware.storage import Record  # noqa: F401 - and one for the moment

METHODS = (GET, POST, PUT, DELETE, FETCH, IPATCH)
IDEMPOTENT = (GET, PUT, FETCH, IPATCH)


class Short:
    """An answer for which so many times there is no memory."""

    def __init__(self, times):
        self.times = times

    def __call__(self, request, response):
        response.options = ((12, b"x"),)  # half an answer
        response.payload = b"half"
        if self.times:
            self.times -= 1
            raise MemoryError("none")
        response.code = CHANGED
        response.options = ()
        response.payload = b""


def test_only_what_may_come_twice_is_handled_once_more():
    for code in METHODS:
        rig = Rig(Short(1))
        sent = rig.receive(packet(CON, code, 7, b"t", PATH))
        done = CHANGED if code in IDEMPOTENT else INTERNAL_SERVER_ERROR
        assert sent == [packet(ACK, done, 7, b"t")], code
        assert len(rig.handled) == (2 if code in IDEMPOTENT else 1)
        assert rig.logged == ["MemoryError: none"]  # before the second time: memory was given back


def test_two_times_are_all():
    for code in IDEMPOTENT:
        rig = Rig(Short(2))
        sent = rig.receive(packet(CON, code, 7, b"t", PATH))
        assert sent == [packet(ACK, INTERNAL_SERVER_ERROR, 7, b"t")]
        assert len(rig.handled) == 2 and rig.endpoint.faults == 2


def test_other_faults_are_not_tried_again():
    def answer(request, response):
        raise KeyError("spilled")

    for code in METHODS:
        rig = Rig(answer)
        rig.receive(packet(CON, code, 7, b"t", PATH))
        assert len(rig.handled) == 1


def test_a_copy_of_what_found_no_memory_is_a_new_request_if_it_may_come_twice():
    for code in (PUT, IPATCH, POST, DELETE):
        rig = Rig(Short(2))
        data = packet(CON, code, 7, b"t", PATH)
        rig.receive(data)
        again = rig.receive(data)
        done = CHANGED if code in IDEMPOTENT else INTERNAL_SERVER_ERROR
        assert again == [packet(ACK, done, 7, b"t")], code
        assert len(rig.handled) == (3 if code in IDEMPOTENT else 1)
        rig.receive(data)  # and done once it is
        assert len(rig.handled) == (3 if code in IDEMPOTENT else 1)


def test_a_half_answer_leaves_nothing_in_the_next():
    rig = Rig(Short(1))
    assert rig.receive(packet(CON, PUT, 7, b"t", PATH)) == [packet(ACK, CHANGED, 7, b"t")]


def test_the_memory_of_answers_goes_when_nothing_is_in_it():
    rig = Rig(Short(2))
    endpoint = rig.endpoint
    rig.receive(packet(CON, PUT, 7, b"t", PATH))
    assert endpoint._kept is not None
    endpoint.forget()  # the table changed: no reason to
    assert endpoint._kept is not None
    endpoint.forget(b"\xff")
    assert endpoint._kept is None
    data = packet(CON, POST, 8, b"t", PATH)
    rig.receive(data)
    endpoint.forget(b"\xff")
    rig.receive(data)
    assert len(rig.handled) == 3  # known still


def test_what_is_executed_while_memory_is_given_back_is_known_afterwards():
    def answer(request, response):
        response.code = CHANGED
        rigs[-1].endpoint.forget(b"\xff")

    rigs = []
    for code in (POST, DELETE, PUT):
        rig = Rig(answer)
        rigs.append(rig)
        data = packet(CON, code, 7, b"t", PATH)
        assert rig.receive(data) == rig.receive(data) == [packet(ACK, CHANGED, 7, b"t")]
        assert len(rig.handled) == 1


def test_reads_that_hold_no_memory_stay_known():
    def answer(request, response):
        response.code = CONTENT
        if request.options[0][1] == b"1":
            response.options = [(12, b"")]
        response.payload = b"1"
        response.again = lambda: b"2"

    for lasting, left in ((b"\xc0\xff", 1), (b"\xff", 2), (b"", 0), (None, 0)):
        rig = Rig(answer)
        for _ in range(2):
            for number in range(3):
                rig.receive(packet(CON, GET, number, b"", b"\xb1%d" % number))
            rig.endpoint.forget(lasting)
        assert len(rig.handled) == 6 - left


def loaded():
    return {name: module for name, module in sys.modules.items() if name.startswith("firmware")}


def restore(before):
    for name, module in before.items():
        sys.modules[name] = module
        if "." in name:
            package, _, own = name.rpartition(".")
            setattr(sys.modules[package], own, module)


def test_what_a_module_has_loaded_goes_also_when_it_cannot_be_loaded_itself():
    before = loaded()
    assert "firmware.storage" in before and "firmware.objects" in before
    raises(ImportError, firmware.once, "no_such_module", "function")
    after = loaded()
    restore(before)
    assert "firmware.storage" not in after and "firmware.objects" in after


def test_modules_are_dropped_by_their_whole_names():
    before = loaded()
    firmware.drop("firmware.storages firmware.storage.x ")
    assert sorted(loaded()) == sorted(before)
    firmware.drop("firmware.objects.example firmware.storage ")
    after = loaded()
    gone = not hasattr(firmware, "storage")
    restore(before)
    assert gone and "firmware.storage" not in after
    assert len(after) == len(before) - 2
