"""What follows a Register that fails (TS 1.1.1 Core section 6.2.1, /1/x/16 to 20)."""

from peer import Peer, Random, encode

from coap.message import Message
from coap.numbers import BAD_REQUEST, CHANGED, CON, CREATED, DELETED, GET
from lwm2m.registration import REGISTERED, STOPPED

FORBIDDEN, SERVICE_UNAVAILABLE = 0x83, 0xA3
DAY_S = 86400


def attempts(peer, seconds, code=SERVICE_UNAVAILABLE):
    """When the client tries to register, in seconds from now; every attempt is refused."""
    start = peer.now_ms
    messages = peer.run(seconds * 1000, lambda message: peer.answer(message, code))
    assert all([message.all(11) == [b"rd"] for _, message in messages])
    return [(at - start) // 1000 for at, _ in messages]


def refused(count, timer_s, delay_s, sequences=1):
    peer = Peer()
    server = peer.server
    server.retry_count, server.retry_timer_s = count, timer_s
    server.sequence_delay_s, server.sequence_count = delay_s, sequences
    peer.registration.start()
    return peer


def test_an_attempt_without_a_request_counts_as_well():
    peer = refused(2, 10, 100)
    peer.run(0)
    peer.take()
    peer.session.online = False
    registration = peer.registration
    registration.failed("no session")
    assert registration.due_ms == peer.now_ms + 10000
    registration.failed("no session")
    assert registration.due_ms == peer.now_ms + 100000 and registration.sequences == 1
    assert peer.logged == [
        "registration failed: no session, next attempt in %d s" % s for s in (10, 100)
    ]
    # Nothing goes out by itself; a link that is up begins with it.
    assert peer.run(200000) == []
    peer.session.online = True
    registration.start()
    assert [message.all(11) for _, message in peer.run(0)] == [[b"rd"]]


def test_a_server_that_asks_already_has_answered():
    """Its 2.01 was lost with all its copies: no reason to keep it waiting for a minute."""
    for asks, code, expected in ((True, 0, 1), (False, 0, 60), (True, SERVICE_UNAVAILABLE, 60)):
        peer = Peer()
        peer.registration.start()
        peer.client.poll()
        (request,) = peer.take()
        if asks:
            assert peer.get("/3/0/0") is None
        if code:
            peer.answer(request, code)
        else:
            while peer.registration.state == "registering":
                peer.run(1000)
        assert peer.logged[-1].endswith(", next attempt in %d s" % expected), peer.logged
    # What it asked before this attempt tells nothing.
    peer = Peer()
    peer.registration.start()
    assert peer.get("/3/0/0") is None
    while peer.registration.state != "waiting to register again":
        peer.run(1000)
    assert peer.logged == ["registration failed: no answer, next attempt in 60 s"]


def test_what_a_server_asks_has_the_register_repeated():
    """It knows the device, but its answer was lost: the next copy need not wait for so long."""
    peer = Peer()
    registration = peer.registration
    registration.start()
    ((_, first),) = peer.run(0)

    def asks(mid):
        path = [(11, part) for part in (b"3", b"0", b"0")]
        peer.session.receive(encode(Message(CON, GET, mid, b"tk", path)))

    repeated_ms = []
    for mid in range(40):  # all of the server's answers to the Register are lost
        asks(mid)
        sent = peer.run(700)
        assert {message.mid for _, message in sent} <= {first.mid}
        repeated_ms += [at for at, _ in sent]
    # It asks every 0.7 s, and is answered by a copy every 2 s at most: with its third question.
    assert repeated_ms == [2100 * n for n in range(1, 14)]
    assert peer.session.endpoint.exchange.left == 4  # and may follow by themselves
    peer.answer(first, CREATED, [(8, b"rd"), (8, b"a1")])
    assert registration.state == REGISTERED and peer.get("/1/0/1").payload == b"3600"
    # With nothing under way there is nothing to repeat.
    registration.stop(peer.now_ms + 10000)
    ((_, request),) = peer.run(0)
    peer.answer(request, DELETED)
    asks(100)
    assert peer.run(5000) == []


def test_a_registration_that_lost_its_session_waits_as_well():
    peer = Peer()
    peer.register()
    peer.session.online = False
    peer.registration.failed("no session")
    assert peer.registration.state == "waiting to register again"
    assert peer.registration.due_ms == peer.now_ms + 60000


def test_bootstrap_on_failure_without_a_request():
    peer = refused(1, 10, 100)
    asked = []
    peer.client.bootstrap = asked.append
    peer.registration.failed("no session")
    assert asked == [peer.session]


def test_the_parameters_decide_when_it_is_tried_again():
    for parameters, expected in (
        ((5, 60, 3600), (0, 60, 180, 420, 900, 4500, 4560, 4680)),
        ((3, 10, 100), (0, 10, 30, 130, 140, 160, 260)),
        ((1, 10, 100), (0, 100, 200, 300)),
        ((2, 1, 1), (0, 1, 2, 3, 4)),
        # 0 is taken for 1: a server is not asked as quickly as it can refuse.
        ((0, 10, 100), (0, 100, 200)),
        ((3, 0, 50), (0, 1, 3, 53, 54, 56)),
        ((2, 10, 0), (0, 10, 11, 21, 22)),
        ((0, 0, 0), (0, 1, 2, 3)),
        # Doubled up to a day
        ((0xFFFFFFFF, 50000, 5), (0, 50000, 136400, 222800, 309200)),
        ((0xFFFFFFFF, 200000, 5), (0, 200000, 400000, 600000)),
        ((50, 0, 5), (0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047, 4095)),
        ((1, 0, 0xFFFFFFFF), (0,)),
        ((1 << 63, 1 << 63, 0), (0,)),
        ((1 << 63, 0, 0), (0, 1, 3, 7, 15, 31)),
    ):
        peer = refused(*parameters)
        found = attempts(peer, expected[-1])
        assert found == list(expected), (parameters, found)
        assert peer.registration.state not in (REGISTERED, STOPPED)


def test_the_number_of_sequences_is_no_end():
    for sequences in (0, 1, 2, 5):
        peer = refused(2, 10, 100, sequences)
        assert attempts(peer, 5 * 110)[::2] == [0, 110, 220, 330, 440, 550]


def test_an_hour_between_sequences():
    assert Peer().server.sequence_delay_s == 3600
    assert attempts(refused(1, 60, Peer().server.sequence_delay_s), 7200) == [0, 3600, 7200]


def test_a_written_value_counts_from_the_next_failure():
    peer = Peer()
    peer.register()
    for rid, value in ((17, b"3"), (18, b"7"), (19, b"1000"), (20, b"4")):
        assert peer.put("/1/0/%d" % rid, value).code == CHANGED
    peer.registration.start()
    assert attempts(peer, 1021) == [0, 7, 21, 1021]
    peer.server.retry_timer_s = 20  # of the wait that runs nothing changes
    assert attempts(peer, 50) == [7, 47]


def test_what_may_be_written():
    peer = Peer()
    peer.register()
    for rid in (2, 3, 5, 14, 17, 18, 19, 20):
        path = "/1/0/%d" % rid
        highest = 0x7FFFFFFF if rid < 13 else 0xFFFFFFFF
        for value in (0, 1, highest):
            assert peer.put(path, b"%d" % value).code == CHANGED
            assert peer.get(path, accept=0).payload == b"%d" % value
        for value in (b"-1", b"%d" % (highest + 1), b"1.5", b"", b"x"):
            assert peer.put(path, value).code == BAD_REQUEST, value
        assert peer.get(path, accept=0).payload == b"%d" % highest
    for rid in (15, 16, 13):
        assert peer.put("/1/0/%d" % rid, b"1").code in (0x84, 0x85)
    assert peer.get("/1/0/13") is not None and peer.get("/1/0/13").code == 0x84
    peer.server.priority_order = 3
    assert peer.get("/1/0/13", accept=0).payload == b"3"


def test_bootstrap_where_registering_fails():
    for sequences, times in ((1, (30, 160, 290)), (2, (160, 290)), (3, (290,))):
        peer = refused(3, 10, 100, sequences)
        asked = []

        def bootstrap(session, peer=peer, asked=asked):
            asked.append((session, peer.now_ms // 1000))

        peer.client.bootstrap = bootstrap
        # It goes on all the same: nothing may come of the bootstrap.
        assert attempts(peer, 290) == [0, 10, 30, 130, 140, 160, 260, 270, 290]
        assert asked == [(peer.session, at) for at in times], asked


def test_bootstrap_at_once_where_the_server_forbids():
    for code, expected in ((FORBIDDEN, 1), (BAD_REQUEST, 0), (SERVICE_UNAVAILABLE, 0)):
        peer = refused(3, 10, 100, 3)
        asked = []
        peer.client.bootstrap = asked.append
        assert attempts(peer, 1, code) == [0]
        assert len(asked) == expected, code
        assert "next attempt in %d s" % (100 if expected else 10) in peer.logged[-1]


def test_no_bootstrap_where_the_server_wants_none():
    for code in (FORBIDDEN, SERVICE_UNAVAILABLE):
        peer = refused(3, 10, 100)
        peer.server.bootstrap_on_failure = False
        peer.client.bootstrap = lambda session: 1 / 0
        assert attempts(peer, 290, code) == [0, 10, 30, 130, 140, 160, 260, 270, 290]


def test_the_bootstrap_may_stop_the_registration():
    peer = refused(1, 10, 100)
    peer.client.bootstrap = lambda session: session.registration.stop()
    assert attempts(peer, 3000) == [0]
    assert peer.registration.state == STOPPED
    peer.register()


def test_a_bootstrap_that_fails_ends_nothing():
    peer = refused(1, 10, 100)
    peer.client.bootstrap = lambda session: 1 / 0
    assert attempts(peer, 200) == [0, 100, 200]
    assert peer.session.endpoint.faults == 3


def test_the_count_begins_anew_after_a_success():
    peer = refused(3, 10, 100)
    assert attempts(peer, 10) == [0, 10]
    peer.run(20000, peer.serve)
    assert peer.registration.state == REGISTERED
    peer.post("/1/0/8")
    messages = peer.run(0, lambda message: peer.answer(message, 0x84))
    assert [message.all(11) for _, message in messages] == [[b"rd", b"a1"], [b"rd"]]
    assert attempts(peer, 30) == [10, 30]


def test_no_memory_for_a_register():
    peer = refused(5, 60, 3600)
    request = peer.session.endpoint.request

    def fails(*args):
        raise MemoryError("none")

    peer.session.endpoint.request = fails
    assert peer.run(170000) == []
    peer.session.endpoint.request = request
    ((at, _),) = peer.run(20000, peer.serve)
    assert at == 180000 and peer.registration.state == REGISTERED


def test_no_memory_for_what_follows_a_failure():
    # Whatever cannot be done now, the registration is not tried as fast as it can fail.
    peer = refused(5, 60, 3600)
    peer.client.poll()
    (request,) = peer.take()
    log = peer.client.log

    def fails(text):
        raise MemoryError("none")

    peer.client.log = fails
    peer.answer(request, SERVICE_UNAVAILABLE)
    peer.client.log = log
    assert peer.session.endpoint.faults == 1
    ((at, _),) = peer.run(120000, peer.serve)
    assert 60000 <= at <= 120000 and peer.registration.state == REGISTERED


def test_any_parameters_end_in_a_registration():
    for seed in range(40):
        random = Random(seed)
        peer = refused(random.below(4), random.below(30), random.below(50), random.below(4))
        for _ in range(random.below(30)):
            code = (FORBIDDEN, SERVICE_UNAVAILABLE, 0x8C, 0x45)[random.below(4)]
            attempts(peer, random.below(60), code)
        longest_s = 30 * 8 + 50
        peer.run(longest_s * 1000, peer.serve)
        assert peer.registration.state == REGISTERED, seed


def test_created_is_the_only_success():
    for code in (CHANGED, 0x45, 0x42, 0x60):
        peer = refused(2, 10, 100)
        peer.client.poll()
        (request,) = peer.take()
        peer.answer(request, code, [(8, b"x")])
        assert peer.registration.state != REGISTERED
    peer = refused(2, 10, 100)
    peer.client.poll()
    (request,) = peer.take()
    peer.answer(request, CREATED, [(8, b"x")])
    assert peer.registration.state == REGISTERED
