"""Bytes of the datagram with which the firmware registers, as it is and with all objects."""

import json

from tools import install
from tools.bench import wire
from tools.bench.figures import Figure, Result
from tools.bench.generator import Generator
from tools.bench.processes import ENDPOINT, virtual_board
from tools.errors import UserError
from tools.virtual.flash import firmware

_START_S = 20
_ROOMY = "256k"
_EVERYTHING = {"board": "nucleo_f429zi", "endpoint": ENDPOINT, "objects": ["test_object"]}


def _register(start, progress):
    with Generator() as generator, start(generator.port) as board:
        data, _ = generator.first_datagram(board, _START_S)
    if not wire.is_register(data):
        raise UserError(f"the firmware's first datagram was no Register: {data[:40].hex()}")
    progress(f"{len(data)} bytes")
    return data


def measure(workshop, progress):
    data = _register(workshop.board, progress)
    flash = workshop.flash()
    (flash / "config.json").write_text(json.dumps(_EVERYTHING))
    install.stage(flash, mpy=True, march=install.host_march())
    accounts, _ = firmware()

    def two_servers(port):
        for number in (1, 2):
            uri = f"coap://127.0.0.1:{port}"
            accounts.provision(str(flash), uri=uri, short_server_id=number)
        return virtual_board("the firmware", _ROOMY, flash)

    everything = _register(two_servers, progress)
    links = data.partition(b"\xff")[2].decode(errors="replace")
    note = f'Register: endpoint name "{ENDPOINT}", {len(links)} bytes of it links'
    figures = {"register": Figure(len(data)), "register_all": Figure(len(everything))}
    return Result(figures, [note, "with all objects: two servers, their access control, 3442"])
