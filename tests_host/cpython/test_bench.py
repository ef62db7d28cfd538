"""The bench: the logic of its table, and a tiny run of each measurement. No time is asserted."""

import json
import os
import re
import socket
import subprocess
import sys
import threading

import pytest

from tools.bench import (
    __main__,
    allocations,
    cpu,
    dtls,
    heap,
    mbedtls,
    processes,
    rate,
    registration,
    secure,
    sizes,
    table,
    wire,
)
from tools.bench.figures import ROWS, Figure, median
from tools.bench.generator import Generator
from tools.errors import UserError
from tools.install import RESERVE, ROOT

HEAP = "512k"  # whether the firmware fits into less is not the question here
ROW = {row.key: row for row in ROWS}


def quiet(text):
    pass


@pytest.fixture(scope="module")
def workshop():
    with processes.Workshop(HEAP) as one:
        yield one


def test_what_a_figure_reaches():
    more, less, open_end = ROW["read_share"], ROW["allocated"], ROW["register"]
    vectors = (
        (more, 0.70, "goal"),
        (more, 0.69, "first bar"),
        (more, 0.35, "first bar"),
        (more, 0.34, "neither"),
        (less, 300, "goal"),
        (less, 301, "first bar"),
        (less, 1000, "first bar"),
        (less, 1001, "neither"),
        (open_end, 1, "first bar"),
        (open_end, 221, "neither"),
        (ROW["echo_rate"], 1, ""),
    )
    for row, value, expected in vectors:
        assert row.reached(value) == expected, (row.key, value)


def test_median_and_middle_half():
    assert median([5, 1, 4, 2, 3]) == Figure(3, (2, 4))
    assert median([7]) == Figure(7, (7, 7))
    assert median([1, 3]).value == 2


def test_every_row_belongs_to_one_measurement():
    keys = [key for _, _, rows in __main__.MEASUREMENTS.values() for key in rows]
    assert sorted(keys) == sorted(ROW)


def test_table_is_narrow_and_tells_of_failures():
    figures = {key: Figure(999999.99, (888888.88, 999999.99)) for key in ROW}
    for row in ROWS:
        if row.decimals:
            figures[row.key] = Figure(999.99, (888.88, 999.99))
    for spread in (figures["read_share"].spread, None):
        figures["read_share"] = Figure(0.5, spread)
        lines = table.lines(figures, ROW)
        assert len(lines) == len(ROWS) + 2
        assert max(map(len, lines)) <= 100, max(lines, key=len)
    del figures["allocated"]
    (line,) = [line for line in table.lines(figures, ROW) if line.startswith("allocated")]
    assert re.search(r"failed +<= 1000 +<= 300$", line)
    assert len(table.lines({}, {"register"})) == 3


def test_json_has_the_same_rows():
    rows = table.as_json({"register": Figure(179)}, {"register", "allocated"})
    assert [row["key"] for row in rows] == ["allocated", "register"]
    assert rows[0]["value"] is None and rows[0]["reaches"] is None
    assert rows[1]["value"] == 179 and rows[1]["reaches"] == "first bar"
    json.dumps(rows)


def test_smallest_number_that_works():
    for edge in range(9, 41):
        asked = []

        def works(number, edge=edge, asked=asked):
            asked.append(number)
            return number >= edge

        assert heap.smallest(works, 8, 16, 64) == edge
        assert asked.count(edge) == 2 and edge + 8 in asked
    assert heap.smallest(lambda number: number >= 20, 8, 16, 64, step=8) in range(20, 28)
    with pytest.raises(ValueError):
        heap.smallest(lambda number: False, 8, 16, 64)


def test_a_number_that_works_by_luck_is_not_enough():
    # 20 works, as do 22 and 23; from 25 on all do
    assert heap.smallest(lambda number: number in (20, 22, 23) or number >= 25, 19, 20, 64) == 25
    answers = [True, False]

    def works(number):
        return answers.pop(0) if number == 20 and answers else number > 20

    assert heap.smallest(works, 19, 20, 64) == 21
    with pytest.raises(ValueError):
        heap.smallest(lambda number: number % 8 == 0, 8, 16, 64)


def test_datagrams():
    reads = wire.reads(300)
    assert len({read[2:8] for read in reads}) == 300
    assert len({read[8:] for read in reads}) == 1
    register = b"\x42\x02\x12\x34ab\xb2rd\x43" + b"ep=x"
    assert wire.is_register(register)
    assert wire.answer(register) == b"\x62\x41\x12\x34ab\x82rd\x01b"
    assert wire.answer(b"\x40\x02\x12\x34\xb2rd\x01b") == b"\x60\x44\x12\x34"
    assert wire.answer(b"\x40\x04\x12\x34\xb2rd\x01b") == b"\x60\x42\x12\x34"
    for data in (b"", b"\x40", b"echo", reads[0], b"\x60\x02\x00\x01"):
        assert wire.answer(data) is None
    assert wire.dotted(0xA3) == "5.03"


class Answering(threading.Thread):
    """An echo that loses some datagrams and sends some answers twice."""

    def __init__(self, lost=(), code=None):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = self.socket.getsockname()
        self._lost = lost
        self._code = code

    def run(self):
        number = 0
        while True:
            data, address = self.socket.recvfrom(2048)
            if not data:
                return
            number += 1
            if number in self._lost:
                continue
            if self._code is not None:
                data = data[:1] + bytes([self._code]) + data[2:]
            for _ in range(1 + number % 2):
                self.socket.sendto(data, address)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.address)
        self.join()
        self.socket.close()


def test_lost_and_doubled_datagrams_do_not_stop_the_load():
    with Generator() as generator, Answering(lost=(3, 4, 70)) as echo:
        done = generator.run(echo.address, wire.GET, count=120)
        assert (done.count, done.lost) == (120, 3)


def test_load_ends_with_a_clear_line():
    with Generator() as generator:
        with Answering(lost=range(1000)) as echo:
            with pytest.raises(UserError, match="no answer to 8 datagrams in a row"):
                generator.run(echo.address, wire.GET, count=10)
        with Answering(code=0xA3) as echo:
            with pytest.raises(UserError, match="answered 5.03, not 2.05"):
                generator.run(echo.address, wire.CONTENT, count=10)


def test_one_cpu_is_given_back():
    if not hasattr(os, "sched_getaffinity"):
        with cpu.one_cpu() as on_one:
            assert not on_one
        return
    before = os.sched_getaffinity(0)
    with cpu.one_cpu() as on_one:
        assert on_one and len(os.sched_getaffinity(0)) == 1
    assert os.sched_getaffinity(0) == before


def test_child_and_its_cpu_time():
    patient = [sys.executable, "-c", "input()"]
    code = f"import subprocess as s; c = s.Popen({patient}); print(c.pid, flush=True); c.wait()"
    parent = [sys.executable, "-c", code]
    with subprocess.Popen(parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        child = int(process.stdout.readline())
        assert cpu.only_child(process.pid) == child
        assert cpu.only_child(child) is None
        first = cpu.cpu_s(process.pid)
        assert first > 0 or not cpu.FINE
        assert cpu.cpu_s(process.pid) >= first
        process.communicate(b"\n")
    with pytest.raises(UserError, match="has ended"):
        cpu.cpu_s(process.pid)


def test_cpu_time_as_ps_tells_it(monkeypatch):
    monkeypatch.setattr(cpu, "FINE", False)
    vectors = (("0:00.05", 0.05), ("  1:02.50\n", 62.5), ("01:00:01", 3601))
    for text, seconds in vectors:
        monkeypatch.setattr(cpu, "_ps", lambda *arguments, text=text: text)
        assert cpu.cpu_s(1) == seconds
    monkeypatch.setattr(cpu, "_ps", lambda *arguments: "")
    with pytest.raises(UserError, match="has ended"):
        cpu.cpu_s(1)


def test_rate(workshop):
    result = rate.measure(workshop, quiet, slices=2, slice_s=0.05, alone=500)
    assert set(result.figures) == set(__main__.MEASUREMENTS["rate"][2])
    assert all(figure.value > 0 for figure in result.figures.values())
    assert HEAP in result.notes[0]


def test_allocations(workshop):
    figure = allocations.measure(workshop, quiet, runs=1).figures["allocated"]
    assert 0 < figure.value < 5000
    assert round(figure.value * 100) % 32 == 0  # the heap's blocks


def test_heap(workshop):
    assert heap.serves(workshop.board, wire.CONTENT, 20)
    assert not heap.serves(lambda port: workshop.board(port, heap="24k"), wire.CONTENT, 20)
    assert not heap.serves(lambda port: workshop.echo(port, heap="3k"), wire.GET, 20)
    assert 1000 < heap.mock_share_bytes(workshop) < 60000


def test_smallest_heap_of_the_echo_is_found(workshop):
    said = []
    found = heap.search("the echo", workshop.echo, wire.GET, 10, said.append, 16, 2, 4)
    assert 2 < found <= 16
    assert said[0] == "the echo in 16 KiB: serves"


# As valgrind writes it between what the script says.
TRACE = """
--42-- malloc(70000) = 0x52FF000
STAGE context
--42-- calloc(1,216) = 0x527F3F0
--42-- free(0x527F3F0)
--42-- calloc(2,108) = 0x527F510
STAGE handshake
==42== something else 0x527F510
--42-- calloc(1,16717) = 0x527F6D0
--42-- calloc(1,4429) = 0x5283860
--42-- malloc(984) = 0x5284C30
--42-- realloc(0x5284C30,1000) = 0x5284D30
--42-- free(0x0)
--42-- free(0x5284D30)
STAGE session
--42-- calloc(1,20) = 0x5284C30
--42-- free(0x5284C30)
STAGE end
--42-- malloc(70000) = 0x62FF000
"""


def test_peak_of_a_handshake_from_the_trace():
    found = mbedtls.peak(TRACE.splitlines())
    live = 240 + 16736 + 4448
    assert found == mbedtls.Peak(live + 1024 - 20480, live + 32 - 20480, 16736)
    for cut in ("", TRACE[: TRACE.index("STAGE end")], TRACE.replace("16717", "167")):
        with pytest.raises(UserError, match="does not show a session"):
            mbedtls.peak(cut.splitlines())


def test_memory_of_mbedtls_is_measured_or_stated():
    found = mbedtls.measure()
    if found is not None:  # no valgrind
        assert abs(found.handshake - mbedtls.STATED.handshake) < 512
        assert abs(found.session - mbedtls.STATED.session) < 512


def test_heap_with_dtls(workshop):
    def serves(heap_):
        return heap.serves(lambda port: secure.board(workshop, port, heap_), wire.CONTENT, 20)

    assert serves(HEAP) and not serves("24k")
    peak = mbedtls.Peak(5000, 3000, 16736)
    low, high = dtls.on_a_board(100, 400, peak)
    assert (low, high) == (20480 + 5000 + 68340, 20480 + 5000 + 72420)


def test_sizes(workshop):
    result = sizes.measure(workshop, quiet)
    installed, libraries = (result.figures[key].value for key in ("installed", "libraries"))
    assert 0 < libraries < installed
    assert libraries < result.figures["deployed"].value < installed
    blocks = [int(re.search(r"(\d+) blocks$", note)[1]) for note in result.notes[1:3]]
    assert 0 < blocks[1] < blocks[0]
    deployed = next(note for note in result.notes if note.startswith("deployed: "))
    assert 0 < int(deployed.split()[1]) + RESERVE <= 190
    assert result.notes[1].startswith("all: ")
    assert result.notes[2].startswith("without DTLS and bootstrap: ")
    start = result.notes.index("the largest:") + 1
    largest = [int(note.split()[0]) for note in result.notes[start:]]
    assert len(largest) == 10 and largest == sorted(largest, reverse=True)


def test_register(workshop):
    result = registration.measure(workshop, quiet)
    assert 50 < result.figures["register"].value < 1280


def bench(*arguments):
    command = [sys.executable, "-m", "tools.bench", *arguments]
    return subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_command(tmp_path):
    file = tmp_path / "figures.json"
    done = bench("--quick", "--heap", HEAP, "--json", str(file), "sizes", "allocations")
    assert done.returncode == 0, done.stderr
    assert "lib/coap and lib/lwm2m" in done.stdout and "share of an echo" not in done.stdout
    assert "allocations: " in done.stderr  # progress
    content = json.loads(file.read_text())
    assert [row["key"] for row in content["rows"]] == [
        "allocated",
        "installed",
        "deployed",
        "deployed_l475",
        "libraries",
    ]
    assert content["errors"] == [] and content["quick"]


def test_command_tells_what_failed():
    done = bench("--heap", "16k", "registration", "sizes")
    assert done.returncode == 1
    assert re.search(r"Register, one datagram +failed", done.stdout)
    assert re.search(r"installed on a board, all files +\d+ B", done.stdout)
    assert "larger --heap" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_command_refuses_what_it_does_not_know(tmp_path):
    missing = str(tmp_path / "missing" / "figures.json")
    vectors = (
        (("speed",), "no measurement 'speed'"),
        (("--heap", "much"), "--heap: invalid size"),
        (("--json", missing), "No such file or directory"),
    )
    for arguments, text in vectors:
        done = bench(*arguments)
        assert done.returncode == 2
        assert text in done.stderr and "Traceback" not in done.stderr
