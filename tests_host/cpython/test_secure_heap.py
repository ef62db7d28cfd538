"""From the factory to a registration over DTLS in the heap that a virtual board has by default."""

import asyncio
import json
import os
import shutil

import pytest
from board_process import BoardProcess
from secrets_used import used

from firmware import accounts
from lwm2m.objects.security import PSK
from tools import install
from tools.server import DeskServer
from tools.server.paths import parse_path

TEMPERATURE = parse_path("/3303/0/5700")
SERVO = parse_path("/10346/0/5536")
# What a Bootstrap-Server may write to object 1 besides the mandatory resources
MORE = {"2": 1, "3": 300, "5": 3600, "6": True, "14": 0, "17": 3, "18": 10, "19": 60, "20": 2}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template") / "flash"
    install.stage(folder, mpy=True, march=install.host_march())
    return folder


async def _registered(board, server, endpoint):
    for _ in range(600):
        await asyncio.sleep(0.05)
        registration = server.registry.by_endpoint(endpoint)
        if registration or board.process.poll() is not None:
            return registration
    return None


async def _from_the_factory_on(folder, template, form, endpoint):
    key, bootstrap_key = used(os.urandom(16)), used(os.urandom(32))
    server = DeskServer(None, 0, coaps_port=0, bootstraps_port=0)
    await server.start()
    try:
        account = {"uri": server.coaps_uri, "mode": "psk", "identity": endpoint, "key": key.hex()}
        account.update(server_id=1, lifetime_s=3600, server=MORE)
        plan = {"identity": "factory", "key": bootstrap_key.hex(), "format": form}
        plan.update(discover=["/"], servers=[account], write={"/10346/0": {"5536": 0.25}})
        server.credentials.set(endpoint, endpoint.encode(), key)
        server.bootstrap.plans.set(endpoint, plan)
        flash = folder / "flash"
        shutil.copytree(template, flash)
        config = {"board": "nucleo_f429zi", "endpoint": endpoint}
        (flash / "config.json").write_text(json.dumps(config))
        accounts.provision(
            str(flash),
            uri=server.bootstraps_uri,
            bootstrap=True,
            mode=PSK,
            identity=b"factory",
            key=bootstrap_key,
        )
        with BoardProcess(folder, None, "--mpy") as board:
            registration = await _registered(board, server, endpoint)
            assert registration, board.stdout
            read = server.operations.read
            assert (await read(registration, TEMPERATURE)).node.value == 21.5
            assert (await read(registration, SERVO)).node.value == 0.25
            board.process.terminate()
            assert await asyncio.to_thread(board.process.wait, 10) == 0
            assert board.console()[-1] == "de-registered"
            assert sum("bootstrap: asking" in line for line in board.console()) == 1
            assert "MemoryError" not in board.stdout
    finally:
        await server.stop()


@pytest.mark.parametrize("form", ["SENML_CBOR", "SENML_JSON", "TLV"])
@pytest.mark.parametrize("endpoint", ["a", "urn:dev:ops:32473-F429ZI-" + "0123456789abcdef" * 2])
def test_a_bootstrap_and_a_registration_over_dtls(tmp_path, template, form, endpoint):
    asyncio.run(_from_the_factory_on(tmp_path, template, form, endpoint))
