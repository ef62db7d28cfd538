"""Bootstrap (TS 1.1.1 Core section 6.1): who begins, when it ends, and what counts then."""

from bootstrap_peer import (
    BAD_REQUEST,
    END_MS,
    GET,
    INTERNAL_SERVER_ERROR,
    KEY,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    NOT_FOUND,
    POST,
    SECURITY,
    SERVER,
    SILENT_MS,
    TEXT,
    BootstrapPeer,
    factory,
    security,
    server,
    state,
)
from helpers import raises, same_memory
from peer import CHANGED, DELETED, Peer, Sample, Second

from lwm2m.bootstrap import Bootstrap
from lwm2m.objects.security import CERTIFICATE, NO_SEC, PSK, RPK

GIVEN_UP_MS = 2125 * 31  # see test_registration.py


def queries(message):
    return [bytes(query) for query in message.all(15)]


def test_int_0_every_byte_of_the_request():
    peer = BootstrapPeer()
    peer.session.start(0)
    peer.client.poll()
    (data,) = peer.sent
    assert data == b"\x44\x02\x20\x21    \xb2bs\x47ep=test"


def test_queries_of_the_account_and_the_uri():
    peer = BootstrapPeer(queries=("d=ACCOUNT",))
    request = peer.start(queries=("aid=1", "x"))
    assert queries(request) == [b"ep=test", b"d=ACCOUNT", b"aid=1", b"x"]


def test_queries_of_a_registration():
    for of_client, of_session in (((), ()), (("d=1",), ()), (("d=1", "e"), ("aid=2",))):
        peer = Peer()
        if of_client:
            peer.client.queries = of_client
        if of_session:
            peer.session.queries = of_session
        register = queries(peer.register())
        more = [each.encode() for each in of_client + of_session]
        assert register == [b"lwm2m=1.1", b"ep=test"] + more + [b"lt=3600", b"b=U"]
        peer.post("/1/0/8")
        ((_, update),) = peer.run(0, peer.serve)
        assert queries(update) == []  # an Update repeats nothing


def test_int_0_client_initiated():
    for hold_off_s in (0, 5):
        peer = BootstrapPeer()
        before = state(factory())
        peer.start(hold_off_s)
        assert peer.now_ms == hold_off_s * 1000
        peer.whole()
        assert state(peer.drafts) == before and not peer.saved and not peer.ends
        assert peer.finish() == CHANGED
        (saved,) = peer.saved
        assert sorted(saved) == [(0, 0), (0, 7), (1, 0)]
        assert saved[0, 7] == before[0, 7]
        for rid in (0, 1, 2, 3, 4, 5, 10, 11, 12):
            assert saved[0, 0][rid] == SECURITY[rid], rid
        for rid, value in SERVER.items():
            assert saved[1, 0][rid] == value, rid
        peer.ended(True)
        assert state(peer.drafts) == before
        assert peer.logged == ["bootstrap finished"]


def test_int_6_server_initiated():
    for at_ms in (0, 100, 4999):
        peer = BootstrapPeer()
        peer.session.start(5)
        assert peer.run(at_ms) == []
        peer.whole()
        assert peer.run(20000) == []  # no Bootstrap-Request any more
        assert peer.finish() == CHANGED
        peer.ended(True)


def test_queue_mode_begins_with_a_registration():
    peer = BootstrapPeer(queue_mode=True)
    peer.session.start(300)
    assert peer.run(200000) == []  # a client in queue mode would be asleep now
    peer.whole()
    assert peer.finish() == CHANGED
    peer.ended(True)


def test_the_server_begins_before_it_answers_the_request():
    # The answer was lost, is late, or tells of an error that does not count any more.
    for code in (None, CHANGED, BAD_REQUEST):
        peer = BootstrapPeer()
        peer.session.start(0)
        ((_, request),) = peer.run(0)
        peer.whole()
        if code:
            peer.answer(request, code)
        else:
            for _ in range(0, GIVEN_UP_MS + 10000, 20000):
                peer.run(20000)
                assert peer.write("/1/0/2", b"1", TEXT) == CHANGED
        assert not peer.ends
        assert peer.finish() == CHANGED
        peer.ended(True)


def test_requests_before_the_start_and_after_the_end_are_ignored():
    peer = BootstrapPeer()
    assert peer.ask(GET, "", accept=40) is None
    peer.start()
    peer.whole()
    assert peer.finish() == CHANGED
    for _ in range(2):
        assert peer.ask(GET, "", accept=40) is None
        assert peer.ask(POST, "/bs") is None
        assert peer.put("/1/0/1", b"5") is None
        peer.run(END_MS)
    assert len(peer.saved) == 1 and peer.ends == [True]


def test_the_finish_may_come_twice():
    peer = BootstrapPeer()
    peer.start()
    peer.whole()
    for _ in range(3):
        response = peer.ask(POST, "/bs", mid=700, token=b"f")
        assert response.code == CHANGED
    assert len(peer.saved) == 1
    peer.ended(True)


def test_a_request_that_is_refused_or_not_answered():
    for code, text in ((BAD_REQUEST, "4.00"), (NOT_FOUND, "4.04"), (DELETED, "2.02")):
        peer = BootstrapPeer()
        peer.session.start(0)
        ((_, request),) = peer.run(0)
        peer.answer(request, code)
        peer.ended(False)
        assert peer.logged == ["bootstrap failed: request answered with " + text]
    peer = BootstrapPeer()
    peer.session.start(0)
    seen = peer.run(GIVEN_UP_MS - 1)
    assert len(seen) == 5 and not peer.ends
    assert peer.run(1) == []
    peer.ended(False)
    assert peer.logged == ["bootstrap failed: no answer"]


def test_the_silence_of_a_server():
    peer = BootstrapPeer()
    peer.start()
    peer.run(SILENT_MS)
    peer.ended(False)
    # Any request counts, also one that is refused.
    for last in (
        lambda peer: peer.delete(),
        lambda peer: peer.write("/0/0", SECURITY),
        lambda peer: peer.discover(),
        lambda peer: peer.put("/77", b""),
    ):
        peer = BootstrapPeer()
        peer.start()
        peer.run(50000)
        last(peer)
        peer.run(SILENT_MS - 1)
        assert not peer.logged
        peer.run(1)
        assert peer.logged == ["bootstrap failed: silence for 93 s"]
        peer.ended(False)


def test_a_request_that_is_acknowledged_and_never_answered_fails_once():
    peer = BootstrapPeer()
    peer.session.start(0)
    ((_, request),) = peer.run(0)
    peer.run(1000)
    peer.session.receive(bytes((0x60, 0)) + request.mid.to_bytes(2, "big"))
    peer.run(SILENT_MS - 1000)
    peer.ended(False)
    assert peer.run(SILENT_MS) == []
    assert peer.logged == ["bootstrap failed: silence for 93 s"]


def test_int_5_broken_off_after_every_message():
    steps = (
        lambda peer: peer.discover(),
        lambda peer: peer.delete(),
        lambda peer: peer.write("/0/0", SECURITY),
        lambda peer: peer.write("/1/0", SERVER),
        lambda peer: peer.write("/20000/0/1", b"9", TEXT),
    )
    for count in range(len(steps) + 1):
        peer = BootstrapPeer()
        before = state(factory())
        peer.start()
        for step in steps[:count]:
            step(peer)
        peer.run(SILENT_MS + END_MS)
        assert peer.ends == [False] and not peer.saved
        assert state(peer.drafts) == before
        assert peer.table.find(20000, 0).integer == 1


def test_int_9_what_finish_refuses():
    def change(oid, iid, **more):
        def act(instances):
            for each in instances:
                if (each.oid, each.iid) == (oid, iid):
                    for name, value in more.items():
                        setattr(each, name, value)
            return instances

        return act

    def without(oid, iid):
        return lambda instances: [each for each in instances if (each.oid, each.iid) != (oid, iid)]

    table = (
        # what is done to good accounts, words of the reason; None: they stay good
        (without(0, 7), None),  # no Bootstrap-Server
        (change(0, 3, mode=PSK), "/0/3: URI and security mode"),
        (change(0, 3, uri="coaps://old"), "/0/3: URI"),
        (change(0, 3, uri=""), "/0/3: URI"),
        (change(0, 3, uri="coap://"), "/0/3: URI"),
        (change(0, 3, uri="http://old"), "/0/3: URI"),
        (change(0, 3, uri="old"), "/0/3: URI"),
        (change(0, 3, uri="coap+tcp://old"), "/0/3: URI"),
        (change(0, 3, mode=None), "/0/3: URI"),
        (change(0, 3, mode=NO_SEC), None),
        (change(0, 3, mode=PSK, uri="coaps://old"), "/0/3: credentials"),
        (change(0, 3, mode=PSK, uri="coaps://old", key=b"k"), "/0/3: credentials"),
        (change(0, 3, mode=PSK, uri="coaps://old", identity=b"i"), "/0/3: credentials"),
        (change(0, 3, mode=PSK, uri="coaps://old", identity=b"i", key=b"k"), None),
        (change(0, 7, key=b""), "/0/7: credentials"),
        (change(0, 7, uri="coap://bs"), "/0/7: URI"),
        (change(0, 3, bootstrap=True), "two Bootstrap-Servers"),
        (change(0, 3, short_server_id=78), "not in both"),
        (change(1, 3, short_server_id=78), "not in both"),
        (change(0, 3, short_server_id=None), "/0/3: Short Server ID"),
        (change(1, 3, short_server_id=None), "/1/3: Short Server ID"),
        (change(0, 3, short_server_id=0), "/0/3: Short Server ID"),
        (change(0, 3, short_server_id=65535), "/0/3: Short Server ID"),
        (change(1, 3, lifetime_s=None), "/1/3: lifetime"),
        (change(1, 3, binding=None), "/1/3: lifetime or binding"),
        (lambda instances: instances + [server(4, 77)], "/1/4: Short Server ID"),
        (lambda instances: instances + [security(4, 77)], "/0/4: Short Server ID"),
        (lambda instances: instances + [security(4, 78)], "not in both"),
        (lambda instances: instances + [server(4, 78)], "not in both"),
        (lambda instances: instances + [server(4, 78), security(4, 78)], None),
        (lambda instances: instances + [server(4, 65534), security(4, 65534)], None),
        (lambda instances: [], "no server, or one"),
        (without(0, 3), "not in both"),
        (without(1, 3), "not in both"),
        (lambda instances: instances[1:2], "no server, or one"),
    )
    for mode in (RPK, CERTIFICATE):
        whole = {"identity": b"c", "key": b"k", "server_key": b"s"}
        base = {"mode": mode, "uri": "coaps://old"}
        base.update(whole)
        table += ((change(0, 3, **base), None),)
        for name in whole:
            lacking = dict(base)
            lacking[name] = b""
            table += ((change(0, 3, **lacking), "/0/3: credentials"),)
    for act, words in table:
        peer = BootstrapPeer(drafts=act(factory()))
        before = peer.state()
        peer.start()
        response = peer.ask(POST, "/bs")
        if words is None:
            assert response.code == CHANGED and peer.saved == [before], response.payload
        else:
            reason = bytes(response.payload).decode()
            assert response.code == NOT_ACCEPTABLE and words in reason, (words, reason)
            assert peer.saved == [] and peer.logged == ["bootstrap failed: " + reason]
        peer.ended(words is None)


def test_a_reason_names_no_credential():
    for lacking in (0, 2, 3, 5, 10):
        peer = BootstrapPeer()
        peer.start()
        assert peer.delete() == DELETED
        values = {rid: value for rid, value in SECURITY.items() if rid != lacking}
        assert peer.write("/0/0", values) == CHANGED
        assert peer.write("/1/0", SERVER) == CHANGED
        response = peer.ask(POST, "/bs")
        assert response.code == NOT_ACCEPTABLE, lacking
        text = peer.logged[0] + bytes(response.payload).decode()
        assert "identity" not in text and repr(KEY)[2:-1] not in text


def test_int_9_a_server_instance_that_lacks_what_is_mandatory():
    for lacking in (0, 1, 7):
        peer = BootstrapPeer()
        peer.start()
        assert peer.delete() == DELETED
        assert peer.write("/0/0", SECURITY) == CHANGED
        values = {rid: value for rid, value in SERVER.items() if rid != lacking}
        assert peer.write("/1/0", values) == CHANGED
        assert peer.finish() == NOT_ACCEPTABLE
        peer.ended(False)
        assert peer.saved == []


def test_int_9_a_security_instance_without_its_mode():
    for mode in (None, NO_SEC):
        peer = BootstrapPeer()
        peer.start()
        assert peer.delete() == DELETED
        values = {0: "coap://new", 1: False, 10: 101}
        if mode is not None:
            values[2] = mode
        assert peer.write("/0/0", values) == CHANGED
        assert peer.write("/1/0", SERVER) == CHANGED
        assert peer.finish() == (NOT_ACCEPTABLE if mode is None else CHANGED)
        peer.ended(mode is not None)


def test_what_cannot_be_saved():
    for error, code, words in (
        (OSError(28), INTERNAL_SERVER_ERROR, "not saved: "),
        (ValueError("/0/0: port 99999"), NOT_ACCEPTABLE, "/0/0: port 99999"),
    ):
        peer = BootstrapPeer()
        peer.start()
        peer.whole()
        assert peer.write("/20000/0/1", b"9", TEXT) == CHANGED
        peer.failing = error
        response = peer.ask(POST, "/bs")
        assert response.code == code and words in bytes(response.payload).decode()
        assert words in peer.logged[0]
        peer.ended(False)
        assert peer.table.find(20000, 0).integer == 1


def test_what_is_written_to_other_objects_counts_from_finish_on():
    sample = Sample(0)
    peer = BootstrapPeer(sample)
    peer.start()
    peer.whole()
    assert peer.write("/20000/0/1", b"9", TEXT) == CHANGED
    assert peer.write("/20000/0/1", b"10", TEXT) == CHANGED
    assert peer.write("/20000/0/300", b"0.75", TEXT) == CHANGED
    assert peer.write("/20000/0/0", b"x", TEXT) == METHOD_NOT_ALLOWED
    assert peer.write("/20000/0/10", b"x", TEXT) == METHOD_NOT_ALLOWED
    assert peer.write("/20000/0/99", b"x", TEXT) == NOT_FOUND
    assert peer.write("/20000/0/300", b"1.5", TEXT) == BAD_REQUEST
    assert peer.write("/20000/1/1", b"9", TEXT) == NOT_FOUND
    assert peer.write("/20001/0/1", b"9", TEXT) == NOT_FOUND
    assert (sample.integer, sample.angle) == (1, 0.25)
    assert peer.finish() == CHANGED
    assert (sample.integer, sample.angle) == (10, 0.75)
    assert sorted(peer.saved[0]) == [(0, 0), (0, 7), (1, 0)]
    peer.ended(True)


def test_another_object_that_does_not_take_a_value_after_all():
    sample = Sample(0)
    sample.stuck = OSError(5)
    peer = BootstrapPeer(sample)
    peer.start()
    peer.whole()
    assert peer.write("/20000/0/300", b"0.75", TEXT) == CHANGED
    assert peer.finish() == CHANGED
    assert len(peer.saved) == 1 and peer.session.endpoint.faults == 1
    peer.ended(True)


def test_the_drafts_of_before_are_left_alone():
    peer = BootstrapPeer()
    before = state(factory())
    originals = list(peer.drafts)
    peer.start()
    assert peer.write("/0/7/5", b"bmV3IGtleQ==", TEXT) == CHANGED
    assert peer.write("/1/3/1", b"55", TEXT) == CHANGED
    assert peer.delete("/1/3") == DELETED
    assert peer.drafts == originals and state(peer.drafts) == before


def test_the_trigger():
    peer = Peer()
    peer.register()
    assert peer.post("/1/0/9").code == METHOD_NOT_ALLOWED
    calls = []
    peer.server.trigger = lambda: calls.append(1)
    assert peer.post("/1/0/9").code == CHANGED and calls == [1]
    assert peer.get("/1/0/9").code == METHOD_NOT_ALLOWED
    assert peer.put("/1/0/9", b"1").code == METHOD_NOT_ALLOWED
    assert calls == [1]
    assert b"</1/0/9>" in peer.ask(1, "/1/0", accept=40).payload


def test_it_stands_in_for_a_session():
    peer = BootstrapPeer()
    sample = peer.table.find(20000, 0)
    peer.start()
    sample.set(1, 5)
    peer.table.add(Sample(4))
    peer.table.remove(sample)
    assert peer.client.send([(20000, 4)]) == 0
    assert raises(ValueError, peer.session.send, [(20000, 4)])
    assert peer.run(1000) == [] and not peer.session.unsaved


def test_bootstrap_and_other_servers_wait_for_nothing_of_each_other():
    peer = Peer()
    other = Second(peer, 2)
    ends = []
    sent = []
    session = Bootstrap(
        peer.client, [], lambda data: sent.append(bytes(data)), lambda instances: None, ends.append
    )
    peer.client.sessions.append(session)
    peer.register()
    other.register()
    session.start(0)
    peer.run(1000, peer.serve)
    assert len(sent) == 1


def test_a_bootstrap_keeps_no_memory():
    def whole():
        peer = BootstrapPeer()
        peer.start()
        peer.whole()
        assert peer.finish() == CHANGED

    same_memory(BootstrapPeer(), whole)


def test_the_end_is_told_again_where_there_was_no_memory_for_it():
    peer = BootstrapPeer()
    peer.start()
    peer.whole()
    assert peer.finish() == CHANGED
    ends = []

    def full(good):
        ends.append(good)
        if len(ends) < 3:
            raise MemoryError

    peer.session.on_end = full
    peer.run(10000)
    assert ends == [True] * 3
