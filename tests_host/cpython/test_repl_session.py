"""docs/repl.md is a real session: `mpremote repl` on a board's line, beside the desk server."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from board_process import ROOT, BoardProcess
from repl_session import Repl, plain

PAGE = Path(ROOT, "docs", "repl.md")
# What the page is made of, besides words: what happens, and what stands on the screen.
_DIRECTIVE = re.compile(r"<!-- (key|server): (.*) -->")
_CTRL_C = "^C"


def steps(text):
    """Yields (kind, text): `key` and `server` as the page's comments have them, `type` for what
    is typed and `line` for what is on the screen, what was typed too.
    """
    inside = False
    for line in text.split("\n"):
        directive = _DIRECTIVE.fullmatch(line)
        if directive:
            yield directive.groups()
        elif line.startswith("```"):
            inside = line == "```console"
        elif inside:
            if line.startswith((":", ">>> ")):
                yield "type", line.removeprefix(">>> ")
            yield "line", line


class Desk:
    """Context manager: the desk server as a process of its own."""

    def __enter__(self):
        code = (
            "import asyncio\n"
            "from tools.server import DeskServer\n"
            "async def main():\n"
            "    async with DeskServer(coap_port=0, http_port=0) as server:\n"
            "        print(server.coap_port, server.http_port, flush=True)\n"
            "        await asyncio.get_running_loop().run_in_executor(None, input)\n"
            "asyncio.run(main())\n"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        coap, self._http = self._process.stdout.readline().split()
        self.uri = "coap://127.0.0.1:" + coap
        return self

    def __exit__(self, *error):
        self._process.communicate("\n", timeout=10)

    def ask(self, method, path):
        return self._call(method, "/my-board" + path)

    def clients(self):
        return self._call("GET", "")

    def _call(self, method, path):
        url = f"http://127.0.0.1:{self._http}/api/clients{path}"
        request = urllib.request.Request(url, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@pytest.fixture
def desk():
    with Desk() as one:
        yield one


def serial_board(folder, desk, *options):
    link = folder / "tty"
    options = (*options, "--server", desk.uri, "--endpoint", "my-board", "--pty", link)
    board = BoardProcess(folder, None, *options)
    try:
        board.wait_for(lambda: os.path.islink(link))
        board.wait_for(lambda: any("registered at" in line for line in board.console()), 10)
    except BaseException:
        board.__exit__()
        raise
    return board


def test_the_page_is_what_happens(tmp_path, desk):
    page = PAGE.read_text()
    assert page.count("```console") > 8
    with serial_board(tmp_path, desk, "--mpy", "--heap", "144k"), Repl(tmp_path / "tty") as repl:
        wanted = []
        for kind, text in [*steps(page), ("end", "")]:
            if kind == "line":
                wanted.append(text)
                continue
            if wanted:
                repl.expect(wanted)
                wanted = []
            if kind == "type":
                repl.type(text.encode() + b"\r")
            elif kind == "key":
                repl.type(b"\x03" if text == _CTRL_C else text.encode())
            elif kind == "server":
                method, path = text.split()
                assert desk.ask(method, path)["status"].startswith(("CONTENT", "CHANGED"))


def test_what_the_page_shows_is_compared():
    assert plain("registered at /rd/Xy12 as x") == plain("registered at /rd/a1b2 as x")
    assert plain("2.05 21.5") != plain("2.05 21.6")


def test_hostile_input_on_the_line_costs_nothing(tmp_path, desk):
    with serial_board(tmp_path, desk, "--mpy", "--heap", "144k") as board:
        with Repl(tmp_path / "tty") as repl:
            number = 0
            for text in (
                b":" + 100000 * b"x" + b"\r",
                b":'\xff\xfe\xc3\r",
                b":" + bytes(set(range(256)) - set(b"\r\n:\x03\x1d\x18")) + b"\r",
                b":(" * 124 + b"\r",
                b":exec('def f():\\n f()')\r:f()\r",
                b":import sys; sys.exit()\r",
                b":import asyncio; raise asyncio.CancelledError\r",
                b":exec('try:\\n 1/0\\nfinally:\\n raise KeyError(1)')\r",
                b":bytearray(10 ** 9)\r",
                b":while True: pass\r",
            ):
                repl.type(text)
                if b"while" in text:
                    repl.wait("pass")
                    time.sleep(
                        0.5
                    )  # by now it runs: the unix port takes no Ctrl-C in gc.collect()
                    repl.type(b"\x03")
                    repl.wait("interrupted")
                number += 1
                repl.type(b":%d * 1111\r" % number)
                repl.wait("\n%d\r" % (number * 1111), 20)
                assert desk.ask("GET", "/3303/0/5700")["content"]["value"] == "21.5"
            repl.type(b"\x03")
            repl.wait("de-registered")
            repl.wait(">>> ")
        assert board.causes() == ["power"]
        assert not [line for line in board.console() if "registration failed" in line]


def test_functions_from_a_script(tmp_path, desk):
    with serial_board(tmp_path, desk, "--mpy", "--heap", "144k") as board:
        for begin, script, wanted in (
            (["resume"], "status()", "the client has ended: start() runs it"),
            (["resume"], "print(read('/3303/0/5700'))", "21.5"),
            (["resume"], "read('/6')", "4.04: nothing there, objects() shows what there is"),
            ([], "from firmware.repl import *; stop()", "the client has not run: start() it"),
        ):
            command = [sys.executable, "-m", "mpremote", "connect", tmp_path / "tty", *begin]
            done = subprocess.run(
                [*command, "exec", script], capture_output=True, text=True, timeout=20, check=True
            )
            assert wanted in done.stdout, done
        assert board.causes() == ["power", "soft"]


def test_level_of_the_configuration(tmp_path, desk):
    with serial_board(tmp_path, desk, "--mpy", "--heap", "144k") as board:
        config = board.flash / "config.json"
        assert board.end()[0] == 0
        settings = json.loads(config.read_text())
        for level, seen in (
            (0, set()),
            (2, {"registered", "->"}),
            (3, {"registered", "->", "ACK"}),
        ):
            config.write_text(json.dumps({**settings, "log": level}))
            board.events_file.unlink()
            with BoardProcess(tmp_path, None, "--heap", "144k") as again:
                if level:
                    again.wait_for(
                        lambda: any("registered at" in line for line in again.console())
                    )
                else:
                    again.wait_for(lambda: "my-board" in str(desk.clients()))
                assert again.end()[0] == 0
                words = set(" ".join(again.console()).split())
                assert words & {"registered", "->", "ACK"} == seen, again.console()
        config.write_text(json.dumps({**settings, "log": 4}))
        with BoardProcess(tmp_path, None) as again:
            assert again.process.wait(5) == 2
            assert "log is 4, expected a whole number from 0 to 3" in again.stdout
