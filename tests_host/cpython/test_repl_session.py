"""docs/repl.md is a real session: `mpremote repl` on a board's line, beside the desk server."""

import json
import os
import re
import subprocess
import sys
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
        url = f"http://127.0.0.1:{self._http}/api/clients/my-board{path}"
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
