"""The bad network does what it is told, and the same each time."""

import asyncio
import socket

from lossy_proxy import Fates, LossyProxy


def test_fates_are_those_of_the_seed():
    def some(seed, way="up", count=2000):
        fates = Fates(seed, way)
        return [fates.next() for _ in range(count)]

    assert some(1) == some(1)
    assert some(1) != some(2) and some(1) != some(1, "down")
    for seed in range(5):
        lines = some(seed)
        lost = sum(not line for line in lines) / len(lines)
        arrived = [line for line in lines if line]
        twice = sum(len(line) == 2 for line in arrived) / len(arrived)
        late = sum(line[0] > 0 for line in arrived) / len(arrived)
        assert 0.26 < lost < 0.34 and 0.16 < twice < 0.24 and 0.26 < late < 0.34
        assert max(max(line) for line in arrived) <= 0.4
    assert [Fates(1, "up", loss=0, twice=0, late=0).next() for _ in range(9)] == [[0.0]] * 9


def _socket():
    new = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    new.bind(("127.0.0.1", 0))
    new.setblocking(False)
    return new


def _drain(one):
    found = []
    while True:
        try:
            found.append(one.recvfrom(2000))
        except BlockingIOError:
            return found


async def _through(seed, count, **fates):
    # What the server gets of `count` datagrams, and what the client of its answers.
    with _socket() as client, _socket() as server:
        seen = []
        async with LossyProxy(seed, server.getsockname()[1], seen.append, **fates) as proxy:
            for number in range(count):
                client.sendto(b"%d" % number, ("127.0.0.1", proxy.port))
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.1)
            arrived = _drain(server)
            for data, address in arrived:
                server.sendto(data, address)
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.1)
            answers = [int(data) for data, _ in _drain(client)]
        assert seen == list(range(1, count + 1))
        return [int(data) for data, _ in arrived], answers, proxy


def test_the_same_seed_does_the_same_to_the_datagrams():
    def pass_through(seed):
        return asyncio.run(_through(seed, 60, late_s=0.03))

    arrived, answers, proxy = pass_through(7)
    again, _, _ = pass_through(7)
    assert sorted(arrived) == sorted(again)
    assert arrived != sorted(arrived) and len(set(arrived)) < len(arrived) and answers
    assert 0 < proxy.lost < proxy.from_client + proxy.from_server
    assert proxy.twice and proxy.late
    assert sorted(pass_through(8)[0]) != sorted(arrived)


def test_a_good_network_leaves_all_as_it_is():
    arrived, answers, _ = asyncio.run(_through(1, 40, loss=0, twice=0, late=0))
    assert arrived == answers == list(range(40))


def test_after_a_rebind_the_server_sees_another_port_and_its_answers_get_lost():
    async def run():
        with _socket() as client, _socket() as server:
            good = {"loss": 0, "twice": 0, "late": 0}
            async with LossyProxy(1, server.getsockname()[1], **good) as proxy:

                async def reaches(data):
                    client.sendto(data, ("127.0.0.1", proxy.port))
                    await asyncio.sleep(0.05)
                    return _drain(server)

                ((_, old),) = await reaches(b"one")
                assert old[1] == proxy.address
                await proxy.rebind()
                server.sendto(b"to the old port", old)
                ((data, new),) = await reaches(b"two")
                assert data == b"two" and new != old and new[1] == proxy.address
                assert _drain(client) == []
                server.sendto(b"to the new port", new)
                await asyncio.sleep(0.05)
                assert [data for data, _ in _drain(client)] == [b"to the new port"]
                proxy.frozen = True
                assert await reaches(b"three") == [] and proxy.from_client == 3
                assert proxy.first_bytes == {ord("o"), ord("t")}

    asyncio.run(run())
