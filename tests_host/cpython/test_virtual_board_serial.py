"""The virtual board's serial line: mpremote, soft resets, and clients that come and go."""

import os
import select
import signal
import subprocess
import sys
import time
import tty

from board_process import PATIENT, BoardProcess

from tools.virtual.repl import ReplState, Typing
from tools.virtual.serial_line import SerialLine

MARKED_BOOT = "print('boot runs')"
SLOW_END = PATIENT.replace("ready", "main runs").replace(
    'print("de-registered")', 'time.sleep_ms(600)\n    print("de-registered")'
)


class Terminal:
    """A terminal program on the board's serial line."""

    def __init__(self, link):
        self.fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd)
        self.seen = b""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        os.close(self.fd)

    def type(self, data):
        os.write(self.fd, data)

    def wait(self, text, timeout_s=5):
        """Reads until the text has come; returns everything up to and with it."""
        deadline = time.monotonic() + timeout_s
        while text not in self.seen:
            left_s = deadline - time.monotonic()
            assert left_s > 0 and select.select([self.fd], [], [], left_s)[0], self.seen
            self.seen += os.read(self.fd, 4096)
        end = self.seen.index(text) + len(text)
        head, self.seen = self.seen[:end], self.seen[end:]
        return head


def serial_board(folder, main, *options, **keywords):
    board = BoardProcess(folder, main, "--pty", folder / "tty", *options, **keywords)
    try:
        board.wait_for(lambda: os.path.islink(folder / "tty"))
    except BaseException:
        board.__exit__()
        raise
    return board


def mpremote(folder, *arguments):
    command = [sys.executable, "-m", "mpremote", "connect", str(folder / "tty"), *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 0, done
    return done.stdout


def test_mpremote_executes_on_the_board_while_its_firmware_ends(tmp_path):
    with serial_board(tmp_path, SLOW_END, boot=MARKED_BOOT) as board:
        board.wait_console("main runs")
        assert mpremote(tmp_path, "resume", "exec", "print(1+1)") == "2\n"
        assert "de-registered" in board.console()
        assert mpremote(tmp_path, "resume", "eval", "'x' * 3") == "xxx\n"
        assert board.causes() == ["power"]
        assert board.end()[0] == 0
        assert not os.path.lexists(tmp_path / "tty")


def test_mpremote_soft_reset_runs_boot_only(tmp_path):
    with serial_board(tmp_path, SLOW_END, boot=MARKED_BOOT) as board:
        board.wait_console("main runs")
        main = "import machine; print(machine.reset_cause() == machine.SOFT_RESET)"
        assert mpremote(tmp_path, "exec", main) == "True\n"
        mpremote(tmp_path, "soft-reset")
        assert board.causes() == ["power", "soft", "soft"]
        assert board.console().count("boot runs") == 3
        assert board.console().count("main runs") == 1


def test_mpremote_copies_files(tmp_path):
    data = bytes(range(256)) * 8
    (tmp_path / "data.bin").write_bytes(data)
    with serial_board(tmp_path, None, "--blank") as board:
        mpremote(tmp_path, "resume", "fs", "cp", "data.bin", ":data.bin")
        assert (board.flash / "data.bin").read_bytes() == data
        mpremote(tmp_path, "resume", "fs", "cp", ":data.bin", "back.bin")
        assert (tmp_path / "back.bin").read_bytes() == data
        mpremote(tmp_path, "resume", "fs", "mkdir", ":lib")
        assert (board.flash / "lib").is_dir()


def test_mpremote_reset_starts_the_firmware(tmp_path):
    with serial_board(tmp_path, PATIENT) as board:
        board.wait_console("ready")
        mpremote(tmp_path, "resume", "reset")
        board.wait_console("ready", count=2)
        assert board.causes() == ["power", "hard"]


def test_friendly_soft_reset_runs_boot_and_main(tmp_path):
    with serial_board(tmp_path, SLOW_END, boot=MARKED_BOOT) as board:
        with Terminal(tmp_path / "tty") as terminal:
            terminal.wait(b"boot runs\r\nmain runs\r\n")  # CR LF, as a board sends it
            # What is typed while the firmware de-registers waits for the REPL.
            terminal.type(b"\x03")
            terminal.type(b"print(20 + 3)\r")
            text = terminal.wait(b"\r\n23\r\n")
            assert b"de-registered\r\nMicroPython " in text
            terminal.wait(b">>> ")
            terminal.type(b"\x04")
            terminal.wait(b"MPY: soft reboot\r\nboot runs\r\nmain runs\r\n")
        assert board.causes() == ["power", "soft"]


def test_pasted_lines_all_run(tmp_path):
    with serial_board(tmp_path, "", "--blank"), Terminal(tmp_path / "tty") as terminal:
        terminal.wait(b">>> ")
        terminal.type(b"a = 40\ra += 1\rimport gc\ra += 1\rgc.collect(); print('sum', a)\r")
        terminal.wait(b"\r\nsum 42\r\n")


def test_ctrl_c_stops_a_program_and_the_line_after_it_runs(tmp_path):
    with serial_board(tmp_path, "", "--blank"), Terminal(tmp_path / "tty") as terminal:
        terminal.wait(b">>> ")
        terminal.type(b"while True: pass\r\r\r")
        time.sleep(0.3)
        terminal.type(b"\x03print('still', 'here')\r")
        assert b"KeyboardInterrupt" in terminal.wait(b"\r\nstill here\r\n")


def test_raw_repl_is_left_as_it_is(tmp_path):
    # Only text of the friendly REPL gets CR LF; mpremote counts the bytes of the raw one.
    with serial_board(tmp_path, "", "--blank"), Terminal(tmp_path / "tty") as terminal:
        terminal.wait(b">>> ")
        terminal.type(b"\x01")
        terminal.wait(b"raw REPL; CTRL-B to exit\r\n>")
        terminal.type(b"import sys; sys.stdout.buffer.write(b'1\\n2\\r\\n3\\r')\x04")
        assert terminal.wait(b"\x04\x04>") == b"OK1\n2\r\n3\r\x04\x04>"
        terminal.type(b"\x02")
        terminal.wait(b">>> ")


def test_clients_come_and_go_and_unread_output_stops_nothing(tmp_path):
    main = "for i in range(20000): print('line', i)\n" + PATIENT
    with serial_board(tmp_path, main) as board:
        for _ in range(3):
            os.close(os.open(tmp_path / "tty", os.O_RDWR | os.O_NOCTTY))
        board.wait_console("ready", timeout_s=15)
        with Terminal(tmp_path / "tty") as terminal:
            terminal.type(b"\x03")
            terminal.type(b"print('found', 'again')\r")
            terminal.wait(b"\r\nfound again\r\n")


def test_firmware_that_crashes_or_is_ill_configured(tmp_path):
    with serial_board(tmp_path, "1/0") as board:
        with Terminal(tmp_path / "tty") as terminal:
            terminal.wait(b"ZeroDivisionError: divide by zero\r\n")
            terminal.wait(b">>> ")
        assert board.end()[0] == 1
    with BoardProcess(tmp_path, "raise SystemExit(2)", "--pty", tmp_path / "tty") as board:
        assert board.process.wait(5) == 2


def test_signal_at_the_repl_ends_at_once(tmp_path):
    for line in (b"", b"import time; time.sleep(60)\r"):
        with serial_board(tmp_path, PATIENT) as board:
            with Terminal(tmp_path / "tty") as terminal:
                board.wait_console("ready")
                terminal.type(b"\x03")
                terminal.wait(b">>> ")
                terminal.type(line)
                time.sleep(0.1)
                status, took_s = board.end(signal.SIGINT)
                assert status == 0 and took_s < 1


def test_stale_link_is_replaced_and_a_foreign_one_is_kept(tmp_path):
    link = tmp_path / "tty"
    link.symlink_to("/nowhere")
    first = SerialLine(link)
    assert os.readlink(link) == first.device
    second = SerialLine(link)
    first.close()
    assert os.readlink(link) == second.device
    second.close()
    assert not os.path.lexists(link)


def test_line_ends_across_pieces(tmp_path):
    line = SerialLine(tmp_path / "tty")
    try:
        with Terminal(tmp_path / "tty") as terminal:
            for piece in (b"a\n", b"b\r", b"\nc\n\n", b"\n", b"d\r", b"e\r", b"\n\n", b"", b"!"):
                line.write(piece, text=True)
            while line.output.pending:
                line.flush_some()
            expected = b"a\r\nb\r\nc\r\n\r\n\r\nd\re\r\n\r\n!"
            assert terminal.wait(b"!") == expected
    finally:
        line.close()


def test_which_repl():
    state = ReplState()
    cases = (
        (b"de-registered\nMicroPython v1.29\r\n", False, False),
        (b">>> ", False, True),
        (b"1 + 1", False, False),
        (b"\r\n2\n>>", False, False),
        (b"> ", False, True),
        (b"\r\nraw REPL; CTRL-B to ex", False, False),
        (b"it\r\n>", True, True),
        (b"OK>>> \x04\x04>", True, True),
        (b"OK\r\n", True, False),
        (b"\r\nMicroPython\r\n>>> ", False, True),
        (b"\r\n... ", False, True),
    )
    for output, raw, at_prompt in cases:
        state.feed(output)
        assert (state.raw, state.at_prompt) == (raw, at_prompt), output


def test_typing_waits_for_prompts():
    state = ReplState()
    typing = Typing()
    state.feed(b"firmware talks\n")
    typing.add(b"ab\rc\x03later")
    assert typing.next(state, False) == b"ab\rc\x03"
    assert typing.next(state, False) == b"" and 2 < typing.wait_s() <= 3
    typing.add(b"\x03")
    assert typing.next(state, False) == b"\x03"  # a second Ctrl-C overtakes what is held
    state.feed(b"\n>>> ")
    typing.prompt_seen()
    assert typing.wait_s() is None
    typing.add(b" one\rtwo\r")
    assert typing.next(state, True) == b"later one\r"
    assert typing.next(state, True) == b"" and typing.wait_s() <= 0.1
    time.sleep(0.11)
    assert typing.next(state, True) == b"two\r"  # the line was a program that reads


def test_supervisor_killed_with_a_serial_line(tmp_path):
    with serial_board(tmp_path, PATIENT) as board:
        board.wait_console("ready")
        with Terminal(tmp_path / "tty") as terminal:
            board.process.kill()
            board.process.wait()
            # The line hangs up; nobody answers any more.
            assert select.select([terminal.fd], [], [], 2)[0]
