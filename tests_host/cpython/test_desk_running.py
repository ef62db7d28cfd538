"""The whole desk: server, virtual board and firmware, started as `make run` does."""

import fcntl
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def desk(*arguments, **options):
    return subprocess.Popen([sys.executable, "-m", "tools.desk", *arguments], cwd=ROOT, **options)


def finish(process):
    """Waits for the end; the desk takes its board with it even then."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_unattended_run_of_the_firmware():
    # Shorter than the job can be: it has to stretch, not to fail.
    process = desk("--for", "2", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = process.communicate(timeout=45)
    finally:
        finish(process)
    assert process.returncode == 0, output
    assert "FAIL" not in output
    assert output.count("  ok ") == 5
    assert "pulses: 750, 1625, 2500 us" in output
    assert "longer than the 2 s asked for" in output


def test_unattended_run_over_dtls_from_the_factory_on(tmp_path):
    flash = tmp_path / "flash"
    options = ("--for", "2", "--secure", "--flash", str(flash))
    process = desk(*options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = process.communicate(timeout=60)
    finally:
        finish(process)
    assert process.returncode == 0, output
    assert "FAIL" not in output and output.count("  ok ") == 6
    assert "coap://" not in output
    # the factory's account has the one identity, what was provisioned the other
    kept = {name.name: name.read_bytes() for name in (flash / "state").iterdir()}
    factory = b"".join(data for name, data in kept.items() if name.startswith("factory"))
    provisioned = b"".join(data for name, data in kept.items() if name.startswith("accounts"))
    identities = [b"desk-board-bootstrap".hex().encode(), b"desk-board-server".hex().encode()]
    assert identities[0] in factory and identities[1] not in factory
    assert identities[1] in provisioned
    # nobody knows its keys any more
    process = desk(*options, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2 and errors.count("\n") == 1 and "empty" in errors


def test_unattended_run_fails_without_a_firmware(tmp_path):
    (tmp_path / "boot.py").write_text("")
    (tmp_path / "main.py").write_text("raise ValueError('no firmware')\n")
    process = desk(
        "--for",
        "2",
        "--flash",
        str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        output, errors = process.communicate(timeout=30)
    finally:
        finish(process)
    assert process.returncode == 1
    assert "FAIL  registered" in output and "no firmware" in output
    assert "ended with status 1" in errors


def test_killed_it_leaves_no_board_behind(tmp_path):
    alive = tmp_path / "alive"
    (tmp_path / "boot.py").write_text("")
    (tmp_path / "main.py").write_text(
        "import time\nwhile True:\n    open('alive', 'w').close()\n    time.sleep_ms(20)\n"
    )
    process = desk("--flash", str(tmp_path), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    try:
        while not alive.exists():
            assert time.monotonic() < deadline, "the board does not start"
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    while alive.exists():
        assert time.monotonic() < deadline, "the board lives on"
        alive.unlink()
        time.sleep(0.5)


def test_plain_lines_without_a_terminal():
    process = desk(
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )
    try:
        seen = _lines_until(process.stdout, "temperature 21.50 C")
        assert "\x1b" not in seen
        process.stdin.write("servo 0.25\n")
        _lines_until(process.stdout, "servo pulse 1187 us")
        process.stdin.write("read /3303/0/5701\njump\n")
        seen = _lines_until(process.stdout, "jump is no command")
        process.stdin.write("quit\n")
        started = time.monotonic()
        rest, _ = process.communicate(timeout=15)
        assert process.returncode == 0, rest
        assert time.monotonic() - started < 5
        assert rest.splitlines()[-1] == "de-registered"
    finally:
        finish(process)
        process.stdin.close()
        process.stdout.close()


def _lines_until(stream, text, wait_s=20):
    deadline = time.monotonic() + wait_s
    seen = ""
    while text not in seen:
        assert time.monotonic() < deadline, seen
        line = stream.readline()
        assert line, seen
        seen += line
    return seen


def _screen_until(descriptor, text, wait_s=20):
    deadline = time.monotonic() + wait_s
    seen = ""
    while text not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([descriptor], [], [], 0.2)[0]:
            try:
                seen += os.read(descriptor, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                break
    assert text in seen, seen
    return seen


def test_live_view_in_a_small_terminal_and_ctrl_c():
    ours, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 8, 40, 0, 0))
    process = desk(stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True)
    try:
        _screen_until(ours, "21.50 C")
        os.write(ours, b"servo 0.25\n")
        screen = _screen_until(ours, "0.250")
        # no line of the screen is wider than the terminal
        for line in re.sub(r"\x1b\[[?0-9]*[A-Za-z]", "", screen).split("\r\n"):
            assert len(line.strip("\r").split("> ")[0]) <= 40, line
        os.write(ours, b"temp 30\n")
        _screen_until(ours, "30.00 C")
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        _screen_until(ours, "\nde-registered")
        assert process.wait(10) == 0
        assert time.monotonic() - started < 5
        # the terminal is as it was: lines and echo are on
        flags = termios.tcgetattr(terminal)[3]
        assert flags & termios.ICANON and flags & termios.ECHO
    finally:
        finish(process)
        os.close(terminal)
        os.close(ours)


def test_taken_port_is_one_line():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        process = desk("--for", "2", "--coap-port", str(port), stderr=subprocess.PIPE, text=True)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert errors.count("\n") == 1 and str(port) in errors and "--coap-port" in errors
