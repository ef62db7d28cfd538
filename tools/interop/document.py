"""docs/conformance.md, written from the results of a run.

The same results give the same text: no times, ports, message ids or tokens.
"""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

from tools.install import ROOT

from .capabilities import CAPABILITIES, LATER
from .cases import CASES

SERVERS = ("leshan", "desk")
_HEAD = """\
# Conformance

Written by `make interop`, which runs the firmware on the virtual board (compiled, under
MicroPython) against two servers: one made of the libraries of
[Eclipse Leshan](https://eclipse.dev/leshan/) 2.0.0-M18 (its bootstrap server: 2.0.0-M15, the last
that is published), and the desk server of this repository. Do not edit it by hand. `-` means: not
run there, because the server has no such request, or because the other one tells enough.
"""
_IDS = """\
## Test cases of the Open Mobile Alliance

Numbers are those of the interoperability test specification (`LightweightM2M-1.1-int-N`, of 1.0
where 1.1 has none). Id 3 is left out: it needs a smart card.

| id | what | Leshan | desk server | test |
|---|---|---|---|---|
"""
_BEYOND = """
## Beyond these

| what | Leshan | desk server | test |
|---|---|---|---|
"""
_CAPABILITIES = """
## Capabilities

| what | proved by |
|---|---|
"""
_EXCHANGES = """
## What went over the wire

As the server saw it: its requests with the client's answers, then what the client sent by itself,
each line once. `{id}` stands for what differs from run to run. Of a session over DTLS it is the
records. Of the desk server only the lines are told that Leshan did not see.
"""


@dataclass
class Result:
    """A test's outcome and exchanges by server; `title` is its docstring's first line."""

    title: str = ""
    passed: dict = field(default_factory=dict)
    lines: dict = field(default_factory=dict)


def case_id(test):
    """103 for "test_int_103_deregister", None for a test of no case."""
    match = re.match(r"test_int_(\d+)_", test)
    return int(match[1]) if match else None


def _outcome(result, server):
    if server not in result.passed:
        return "-"
    return "pass" if result.passed[server] else "**fails**"


def _id_rows(results):
    by_id = {case_id(test): test for test in results}
    for number, title in CASES:
        test = by_id.get(number)
        if test:
            result = results[test]
            outcomes = [_outcome(result, server) for server in SERVERS]
            yield (number, title, *outcomes, "`%s`" % test)
        else:
            yield (number, title, "**no test**", "**no test**", "")


def _row(cells):
    return "| %s |\n" % " | ".join(str(cell) for cell in cells)


def host_tests(root=ROOT):
    """Names of the test functions in tests_host, as "test_file.test_function"."""
    found = set()
    for path in sorted((Path(root) / "tests_host").rglob("test_*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.add("%s.%s" % (path.stem, node.name))
    return found


def _proof(proof, results, known):
    if proof in LATER:
        return LATER[proof]
    if proof in results:
        failed = [server for server in SERVERS if results[proof].passed.get(server) is False]
        return "`%s`%s" % (proof, " **fails**" if failed else "")
    return "`%s`%s" % (proof, "" if proof in known else " **missing**")


def _exchanges(results):
    order = {number: at for at, (number, _) in enumerate(CASES)}

    def key(test):
        return order.get(case_id(test), len(order)), test

    for test in sorted(results, key=key):
        lines = results[test].lines
        told = {server: lines[server] for server in SERVERS if lines.get(server)}
        if not told:
            continue
        yield "\n### %s\n\n```\n" % test
        first, *others = told.values()
        yield "".join(line + "\n" for line in first)
        for other in others:
            differing = [line for line in other if line not in first]
            if differing:
                yield "# with the desk server\n"
                yield "".join(line + "\n" for line in differing)
        yield "```\n"


def text(results, known=None):
    """The document of {test name: Result}; `known` are the names of the host's other tests."""
    known = host_tests() if known is None else known
    parts = [_HEAD, "\n", _IDS]
    parts += [_row(row) for row in _id_rows(results)]
    beyond = sorted(test for test in results if case_id(test) is None)
    if beyond:
        parts.append(_BEYOND)
        for test in beyond:
            result = results[test]
            outcomes = [_outcome(result, server) for server in SERVERS]
            parts.append(_row((result.title, *outcomes, "`%s`" % test)))
    parts.append(_CAPABILITIES)
    for what, proofs in CAPABILITIES:
        shown = ", ".join(_proof(proof, results, known) for proof in proofs)
        parts.append(_row((what, shown)))
    parts.append(_EXCHANGES)
    parts += _exchanges(results)
    return "".join(parts)


def write(path, results):
    """Writes the document."""
    Path(path).write_text(text(results), encoding="utf-8")
