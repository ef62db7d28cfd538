"""Twenty boards at once on bad networks: each is back within one lifetime, without a restart.

Over real DTLS with pre-shared keys; 30 % of the datagrams are lost, others doubled or late. The
server is restarted in the middle of the handshake or the registration, then again under a live
session, and then the NAT forgets the board: its datagrams come from a new port. All that a
board notices of either is silence, at its next Update, which is due after a third of the
lifetime.
"""

import asyncio
import time

import pytest
from lossy_proxy import LossyProxy
from secure_site import Server, board

from tools import install

SEEDS = range(1, 21)
LIFETIME_S = 120
_POLL_S = 0.1
# First bytes of DTLS records (RFC 6347 section 4.3.1): change_cipher_spec, alert, handshake,
# application_data. Anything else from a board were in clear.
_RECORDS = {20, 21, 22, 23}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template") / "flash"
    install.stage(folder, mpy=True, march=install.host_march())
    return folder


class Trial:
    """One board, its network and its server; `took_s` are the seconds until it was back."""

    def __init__(self, seed, folder, template):
        self.seed = seed
        self._folder = folder
        self._template = template
        self._server = Server("bad-network-%d" % seed)
        self._restarted = None
        # In the middle: 1 to 5 are datagrams of the handshake where none is repeated.
        self._restart_at = 1 + seed % 10
        self.took_s = []

    def _heard(self, count):
        if count == self._restart_at:
            self._restarted = asyncio.ensure_future(self._server.restart())

    async def run(self):
        self._folder.mkdir()
        await self._server.start()
        try:
            async with LossyProxy(self.seed, self._server.port, self._heard) as self._proxy:
                one = board(
                    self._folder, self._template, self._server, self._proxy.port, LIFETIME_S
                )
                with one:
                    await self._trials(one)
        finally:
            await self._server.stop()

    async def _trials(self, one):
        await self._back(one, "start", restarts=1)
        self._proxy.begin("restart")
        await self._server.restart()
        await self._back(one, "restart of the server", restarts=2)
        self._proxy.begin("rebind")
        await self._proxy.rebind()
        await self._back(one, "change of address", restarts=2)
        await self._restarted
        assert self._proxy.first_bytes <= _RECORDS, self._proxy.first_bytes
        assert one.process.poll() is None and one.causes() == ["power"], one.causes()

    async def _back(self, one, after, restarts):
        # Registered by way of the address it has now, and read there.
        start = time.monotonic()
        while not await self._reached(restarts):
            await asyncio.sleep(_POLL_S)
            passed_s = time.monotonic() - start
            assert passed_s <= LIFETIME_S and one.process.poll() is None, (
                "seed %d: not back within %d s of the %s; the board said:\n%s"
                % (self.seed, LIFETIME_S, after, "\n".join(one.console()[-30:]))
            )
        self.took_s.append(time.monotonic() - start)

    async def _reached(self, restarts):
        server = self._server
        registration = server.registration
        return (
            registration is not None
            and registration.remote.address[1] == self._proxy.address
            and await server.read() is not None
            and server.registration is registration
            and server.restarts == restarts
        )


def _lines(trials):
    heads = ("first registration, the server restarted meanwhile", "restart", "new address")
    yield "%d boards, 30 %% loss, lifetime %d s; seconds until registered and read:" % (
        len(trials),
        LIFETIME_S,
    )
    for number, head in enumerate(heads):
        took = [trial.took_s[number] for trial in trials if number < len(trial.took_s)]
        if took:
            yield "  %s: worst %.0f of %d boards" % (head, max(took), len(took))
            yield "    " + " ".join("%.0f" % each for each in took)


def test_each_board_is_back_within_one_lifetime(tmp_path, template, record_property):
    trials = [Trial(seed, tmp_path / str(seed), template) for seed in SEEDS]

    async def run():
        works = [trial.run() for trial in trials]
        return await asyncio.gather(*works, return_exceptions=True)

    failures = [each for each in asyncio.run(run()) if each]
    record_property("figures", "\n".join(_lines(trials)))
    assert not failures, "\n\n".join(map(str, failures))
    assert max(max(trial.took_s) for trial in trials) <= LIFETIME_S
