"""Wi-Fi as the application sees it: the real driver on the simulated module, no time passes."""

import socket
from errno import EAGAIN, EHOSTUNREACH, ENOBUFS, ENOTCONN

from helpers import raises
from radio import Radio

CONFUSING = (
    b"\r\nOK\r\n> ",
    b"\x15\r\n> \r\nOK\r\n> \x15",
    b"-1\r\nERROR\r\n> ",
    b"\x15" * 9,
    b"\r\n\r\n",
    b"-1",
    b"12",
    b"S3=0004\r",
    bytes(range(256)),
)


class Peer:
    """A UDP server."""

    def __enter__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        for port in range(43000, 43200):
            try:
                self.socket.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
                break
            except OSError:
                pass  # taken
        self.port = port
        return self

    def __exit__(self, *error):
        self.socket.close()

    def take(self):
        """A datagram, or None; `address` is where it came from."""
        try:
            data, self.address = self.socket.recvfrom(2000)
        except OSError:
            return None
        return data

    def expect(self, radio, data):
        found = []

        def done():
            found[:] = [self.take()]
            return found[0] is not None

        radio.run(done, 5000)
        assert found[0] == data, found

    def send(self, data):
        self.socket.sendto(data, self.address)


def port_of(address):
    # MicroPython's recvfrom gives a sockaddr_in.
    return address[1] if isinstance(address, tuple) else address[2] << 8 | address[3]


class Joined(Radio):
    def __enter__(self):
        Radio.__enter__(self)
        self.join()
        return self


def test_joins():
    with Radio() as radio:
        wifi = radio.wifi
        assert not wifi.isconnected()
        error = raises(OSError, wifi.udp, "127.0.0.1", 5683)
        assert error.errno == ENOBUFS
        assert radio.join() < 2000
        assert wifi.trouble is None and wifi.ifconfig()[0] == "192.168.1.5"
        assert wifi.module == "C3.5.2.5.STM"
        radio.wait(100)
        assert wifi.signal_dbm == -53
        assert radio.module.log[1:7] == [b"C1=desk", b"C2=***", b"C3=3", b"C4=1", b"C0", b"CS"]
        # Neither text nor memory of ours holds the passphrase.
        for text in (str(wifi.__dict__), str(radio.driver.__dict__)):
            assert radio.passphrase not in text
        memory = bytes(radio.driver.buffer)
        for part in (radio.passphrase[:4], radio.passphrase[-4:]):
            pair = bytes([part.encode()[i ^ 1] for i in range(4)])
            assert part.encode() not in memory and pair not in memory


def test_a_name_with_commas_and_a_fixed_address():
    static = ("10.0.0.5", "255.255.255.0", "10.0.0.1", "10.0.0.2")
    with Joined(ssid="a,b, c", static=static) as radio:
        assert radio.wifi.ifconfig() == static
        for command in (b"C4=0", b"C6=10.0.0.5", b"C7=255.255.255.0", b"C8=10.0.0.1"):
            assert command in radio.module.log
        assert b"C9=10.0.0.2" in radio.module.log
    with Joined(ssid="a,b, c") as radio:
        assert radio.wifi.address == "192.168.1.5"


def test_datagrams_stay_whole():
    for made in ({}, {"firmware": "C6.2.1.8"}, {"linger": 3, "lead": 2, "lag_ms": 2, "gap_ms": 4}):
        with Joined(**made) as radio, Peer() as peer:
            link = radio.link("127.0.0.1", peer.port)
            assert raises(OSError, link.recv, 100).errno == EAGAIN
            assert not link.ipoll(0)
            for data in (b"hello", b"odd", b"\r\n> ", b"x" * 1152) + CONFUSING:
                link.send(data)
                peer.expect(radio, data)
            assert port_of(peer.address) == link.local_port
            assert 49152 <= link.local_port <= 65535
            for data in (b"abc", b"x" * 1152, bytes(range(256)) * 4) + CONFUSING:
                peer.send(data)
                assert radio.receive(link) == data
            for data in (b"one", b"two", b"three", b"four", b"five", b"six"):
                peer.send(data)
            radio.run(lambda link=link: len(link.inbox) == 4)
            radio.wait(1000)
            assert len(link.inbox) == 4  # the others wait in the module
            for data in (b"one", b"two", b"three", b"four", b"five", b"six"):
                assert radio.receive(link) == data
            peer.send(b"longer than wanted")
            radio.run(lambda link=link: link.inbox)
            assert link.recv(6) == b"longer"


def test_the_queue_has_an_end():
    with Joined() as radio, Peer() as peer:
        link = radio.link("127.0.0.1", peer.port)
        for _ in range(8):
            link.send(b"x")
        assert raises(OSError, link.send, b"x").errno == ENOBUFS
        radio.wait(200)
        link.send(b"x")


def test_four_links_at_once_and_no_fifth():
    with Joined() as radio, Peer() as peer:
        links = [radio.link("127.0.0.1", peer.port) for _ in range(4)]
        assert raises(OSError, radio.wifi.udp, "127.0.0.1", peer.port).errno == ENOBUFS
        for _ in range(3):
            for number, link in enumerate(links):
                link.send(b"from %d" % number)
                peer.expect(radio, b"from %d" % number)
                assert port_of(peer.address) == link.local_port
                peer.send(b"to %d" % number)
            for number, link in enumerate(links):
                assert radio.receive(link) == b"to %d" % number
        links[1].close()
        radio.run(lambda: radio.wifi.links[1] is None)
        link = radio.link("127.0.0.1", peer.port, links[1].local_port)
        assert link.local_port == links[1].local_port
        assert raises(OSError, links[1].recv, 10).errno == EAGAIN  # a closed one is just silent


def test_the_local_port_is_kept():
    with Joined() as radio, Peer() as peer:
        link = radio.link("127.0.0.1", peer.port)
        port = link.local_port
        link.close()
        # Without a wait in between: the old socket is closed first.
        link = radio.link("127.0.0.1", peer.port, port)
        assert link.local_port == port
        link.send(b"x")
        peer.expect(radio, b"x")
        assert port_of(peer.address) == port


def test_names():
    with Joined() as radio, Peer() as peer:
        link = radio.link("localhost", peer.port)
        link.send(b"x")
        peer.expect(radio, b"x")
        # The module may give the answer to the question before.
        resolve = radio.point.resolve
        answers = [b"10.9.8.7"]
        radio.point.resolve = lambda name: answers.pop() if answers else resolve(name)
        link = radio.link("localhost", peer.port)
        assert link.address == "127.0.0.1"
        radio.point.resolve = resolve
        error = raises(OSError, radio.link, "no.such.host.invalid", peer.port)
        assert error.errno == EHOSTUNREACH and "no.such.host.invalid" in str(error)
        radio.point.dns = False
        error = raises(OSError, radio.link, "localhost", peer.port)
        assert error.errno == EHOSTUNREACH
        assert "check the name and DNS" in str(error)
        radio.point.dns = True
        radio.link("localhost", peer.port).close()


def test_a_name_with_many_addresses():
    """Another one each time, as name servers do it to share the load."""
    for answers in ((b"127.0.0.1", b"127.0.0.2"), (b"127.0.0.1",) + (b"127.0.0.2", b"127.0.0.3")):
        with Joined() as radio, Peer() as peer:
            asked = []

            def resolve(name, answers=answers, asked=asked):
                asked.append(name)
                return answers[len(asked) % len(answers)]

            radio.point.resolve = resolve
            link = radio.link("many.example", peer.port)
            assert link.address.encode() in answers
            assert 2 <= len(asked) <= 5
    with Joined() as radio:
        asked = []

        def always_another(name):
            asked.append(name)
            return b"10.0.0.%d" % len(asked)

        radio.point.resolve = always_another
        assert radio.link("many.example", 5683).address == "10.0.0.5"


def test_hosts_that_the_module_cannot_reach():
    with Joined() as radio:
        for host in ("10.0.0.255", "10.0.0.0"):
            error = raises(OSError, radio.link, host, 5683)
            assert error.errno == EHOSTUNREACH and host in str(error)


def test_nothing_provisioned():
    with Radio(provisioned=False) as radio:
        radio.run(lambda: radio.wifi.trouble)
        assert "make provision" in radio.wifi.trouble
        assert radio.wifi.helpless and not radio.wifi.isconnected()
        radio.provision(radio.passphrase)
        radio.join()
        assert radio.wifi.trouble is None and not radio.wifi.helpless


def test_a_wrong_password_can_be_seen_and_mended():
    with Radio(provisioned=False) as radio:
        radio.provision("another one" + radio.passphrase)
        radio.run(lambda: radio.wifi.trouble)
        assert radio.wifi.helpless and '"desk"' in radio.wifi.trouble
        assert "password" in radio.wifi.trouble
        assert radio.passphrase not in radio.wifi.trouble
        radio.wait(60000)
        assert not radio.wifi.isconnected()
        radio.provision(radio.passphrase)
        assert radio.join() < 12000
        assert not radio.wifi.helpless


def test_no_restart_would_help_while_it_tries_to_join_again():
    """A refused join takes its time, in which the application must not take it for a fault."""
    with Radio(provisioned=False) as radio:
        radio.provision("another one" + radio.passphrase)
        radio.point.refuse_ms = 20000
        radio.run(lambda: radio.wifi.trouble)
        for _ in range(120):
            assert radio.wifi.helpless
            radio.wait(1000)
        radio.module.faults.add("stuck", b"I?", 1000)
        radio.run(lambda: "does not answer" in radio.wifi.trouble)
        assert not radio.wifi.helpless
        radio.module.faults.clear()
        radio.provision(radio.passphrase)
        radio.join()
        assert not radio.wifi.helpless
        radio.point.refuse_ms = 20000
        radio.point.apply({"ap": False})
        radio.run(lambda: not radio.wifi.isconnected())
        for _ in range(60):
            assert radio.wifi.helpless
            radio.wait(1000)


def test_the_access_point_goes_and_comes_back():
    for silent in (False, True):
        with Joined() as radio, Peer() as peer:
            link = radio.link("127.0.0.1", peer.port)
            port = link.local_port
            radio.point.silent = silent
            radio.point.apply({"ap": False})
            radio.run(lambda: not radio.wifi.isconnected(), 15000)
            assert radio.wifi.signal_dbm is None
            assert "access point" in radio.wifi.trouble
            assert raises(OSError, link.recv, 100).errno == ENOTCONN
            assert raises(OSError, link.send, b"x").errno == ENOTCONN
            link.close()
            radio.wait(120000)
            assert not radio.wifi.isconnected() and radio.wifi.helpless
            radio.point.apply({"ap": True, "rssi": -70})
            assert radio.join() < 12000
            link = radio.link("127.0.0.1", peer.port, port)
            assert link.local_port == port
            link.send(b"back")
            peer.expect(radio, b"back")
            assert radio.wifi.signal_dbm == -70


def test_a_socket_that_is_gone_is_made_anew():
    """The peer and the user of the link notice nothing."""
    with Joined() as radio, Peer() as peer:
        link = radio.link("127.0.0.1", peer.port)
        port = link.local_port
        for command in (b"R0", b"S3"):
            boots = radio.module.boots
            radio.module.fault("closed", command)
            if command == b"S3":
                link.send(b"lost")
            radio.wait(3000)
            assert link.open and not link.error and link.local_port == port
            assert radio.module.boots == boots
            link.send(b"again")
            peer.expect(radio, b"again")
            peer.send(b"answer")
            assert radio.receive(link) == b"answer"


def test_a_socket_that_cannot_have_its_port_again():
    """The link ends: the peer would not know who comes from another port."""
    with Joined() as radio, Peer() as peer:
        link = radio.link("127.0.0.1", peer.port)
        radio.module.fault("closed", b"R0")
        radio.module.fault("usage", b"P6=1", 3)
        radio.run(lambda: link.error)
        assert raises(OSError, link.recv, 100).errno == EHOSTUNREACH
        link.close()
        again = radio.link("127.0.0.1", peer.port, link.local_port)
        assert again.local_port == link.local_port
        again.close()
        radio.module.fault("usage", b"P6=1", 3)
        assert radio.link("127.0.0.1", peer.port, link.local_port).local_port != link.local_port


def test_a_socket_that_was_not_started_may_refuse_to_be_stopped():
    with Joined() as radio, Peer() as peer:
        radio.module.fault("usage", b"P6=0", 1000)
        for _ in range(6):
            link = radio.link("127.0.0.1", peer.port)
            link.send(b"x")
            peer.expect(radio, b"x")
            radio.module.commands.close()
            link.close()
            radio.run(lambda: radio.wifi.links[0] is None)


def test_an_answer_that_comes_too_late():
    """It is taken for no other one: the module is reset."""
    for late_ms in (4900, 5100, 9000, 11000):
        for command in (b"R0", b"S3", b"CS", b"P0", b"P4", b"P6=1", b"C1", b"I?"):
            with Radio() as radio, Peer() as peer:
                radio.module.faults.late_ms = late_ms
                radio.module.fault("late", command, after=1 if command[:1] in b"RS" else 0)
                radio.join()
                link = radio.wifi.udp("127.0.0.1", peer.port)
                radio.wait(30000)
                radio.join()
                if link.error:
                    link = radio.link("127.0.0.1", peer.port)
                link.send(b"x")
                radio.wait(100)
                link.send(b"y")
                radio.wait(30000)
                assert radio.module.faults.counts == {"late": 1}
                radio.join()


def test_the_module_hangs_or_restarts():
    """Then it is reset and joins again."""
    for fault in ("stuck", "storm", "reset"):
        with Joined() as radio, Peer() as peer:
            link = radio.link("127.0.0.1", peer.port)
            boots = radio.module.boots
            radio.module.fault(fault, b"R0")
            radio.run(lambda link=link: link.error, 15000)
            assert raises(OSError, link.recv, 100).errno == ENOTCONN
            assert radio.join() < 12000
            assert radio.module.boots > boots
            again = radio.link("127.0.0.1", peer.port, link.local_port)
            again.send(b"x")
            peer.expect(radio, b"x")
            assert port_of(peer.address) == link.local_port


def test_a_command_that_fails_once_is_repeated():
    for fault in ("usage", "garbage", "cut", "late"):
        for command in (b"I?", b"C1", b"C2", b"C4", b"P1", b"P6=1", b"R1", b"CS"):
            with Radio() as radio, Peer() as peer:
                radio.module.fault(fault, command)
                radio.join()
                link = radio.link("127.0.0.1", peer.port)
                link.send(b"x")
                peer.expect(radio, b"x")
                assert radio.module.boots <= 2, (fault, command, radio.module.boots)


def test_a_datagram_that_the_module_has_no_room_for_waits():
    with Joined() as radio, Peer() as peer:
        link = radio.link("127.0.0.1", peer.port)
        radio.module.fault("again", b"S3", 2)
        link.send(b"first")
        link.send(b"second")
        peer.expect(radio, b"first")
        peer.expect(radio, b"second")


def test_a_datagram_that_the_module_refuses_leaves_again():
    for fault in ("usage", "garbage", "cut"):
        with Joined() as radio, Peer() as peer:
            link = radio.link("127.0.0.1", peer.port)
            radio.module.fault(fault, b"S3", 2)
            link.send(b"first")
            radio.wait(1000)
            found = [peer.take() for _ in range(4)]
            # Whether it has left cannot be told from an answer without sense.
            expected = 1 if fault == "usage" else 3
            assert found.count(b"first") == expected and not link.outbox, (fault, found)


def test_a_datagram_that_is_never_taken_holds_up_no_other():
    with Joined() as radio, Peer() as peer:
        link = radio.link("127.0.0.1", peer.port)
        boots = radio.module.boots
        radio.module.fault("usage", b"S3=0005", 1000)
        link.send(b"never")
        link.send(b"taken")
        link.send(b"another")
        peer.expect(radio, b"another")
        assert radio.module.boots == boots and not link.error


def test_closed_while_a_datagram_leaves():
    for fault in ("again", "usage", "late"):
        with Joined() as radio, Peer() as peer:
            link = radio.link("127.0.0.1", peer.port)
            radio.module.fault(fault, b"S3")
            link.send(b"x")
            radio.run(lambda: radio.module.log[-1].startswith(b"S3"))
            link.close()
            radio.wait(1000)
            assert radio.wifi.links == [None] * 4 and radio.wifi.trouble is None


def test_a_module_that_never_has_room_gets_another_socket():
    with Joined() as radio, Peer() as peer:
        link = radio.link("127.0.0.1", peer.port)
        radio.module.fault("again", b"S3", 1000)
        link.send(b"first")
        radio.wait(200)
        assert radio.module.log.count(b"P6=1") == 1
        radio.run(lambda: radio.module.log.count(b"P6=0") > 1, 15000)
        radio.module.faults.clear()
        peer.expect(radio, b"first")
        assert port_of(peer.address) == link.local_port


def test_polled_seldom_when_nothing_happens():
    with Joined() as radio, Peer() as peer:
        radio.link("127.0.0.1", peer.port)
        radio.wait(5000)
        for pause, low, high in ((10000, 15, 25), (10000, 15, 25)):
            del radio.module.log[:]
            radio.wait(pause)
            count = radio.module.log.count(b"R0")
            assert low <= count <= high, count


class Interrupted:
    """The hardware of a driver, with a Ctrl-C after so many uses of it: each still takes place."""

    def __init__(self, driver, after):
        self.driver = driver
        self.left = after
        self.spi, driver._spi = driver._spi, self
        driver._cs = self.then(driver._cs)
        driver._drdy = self.then(driver._drdy)
        self.write = self.then(self.spi.write)
        self.readinto = self.then(self.spi.readinto)

    def then(self, use):
        def used(*arguments):
            result = use(*arguments)
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            return result

        return used


def test_a_ctrl_c_in_the_midst_of_a_command():
    """The loop does not run any more; poll() alone brings the last datagram out."""
    for after in range(1, 80):
        with Joined() as radio, Peer() as peer:
            link = radio.link("127.0.0.1", peer.port)
            boots = radio.module.boots
            link.send(b"hello")
            peer.expect(radio, b"hello")
            peer.send(b"a datagram of more than one chunk, so that a part of it is read at first")
            Interrupted(radio.driver, after)
            raises(KeyboardInterrupt, radio.wait, 2000)
            link.send(b"good-bye")
            waited_ms = 0
            while peer.take() != b"good-bye":
                radio.wifi.poll()
                radio.clock.advance(5)
                waited_ms += 5
                assert waited_ms < 500, after
            assert radio.module.boots == boots, after


def test_the_clock_wraps():
    with Joined(start_ms=(1 << 30) - 700) as radio, Peer() as peer:
        link = radio.link("127.0.0.1", peer.port)
        link.send(b"x")
        peer.expect(radio, b"x")
        peer.send(b"y")
        assert radio.receive(link) == b"y"
        radio.wait(30000)


def test_the_loop_is_not_blocked():
    """Bus and pauses of the longest step, datagrams of the greatest length among them."""
    with Joined() as radio, Peer() as peer:
        link = radio.link("localhost", peer.port)
        radio.longest_us = 0
        for _ in range(5):
            link.send(b"x" * 1152)
            peer.expect(radio, b"x" * 1152)
            peer.send(b"x" * 1152)
            radio.receive(link)
        assert 1000 < radio.longest_us <= 100000, radio.longest_us
