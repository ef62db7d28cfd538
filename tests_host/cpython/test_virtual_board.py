"""The virtual board: how it starts, how it ends, and what it refuses."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from board_process import PATIENT, ROOT, BoardProcess, run_board
from secrets_used import used

from tools import virtual_board
from tools.errors import UserError
from tools.virtual import flash as flash_module
from tools.virtual import interpreter, mock

KEY = used(os.urandom(16)).hex()

PRINT_STATE = """
import gc, os, sys
print("heap", gc.mem_alloc() + gc.mem_free())
print("path", "|".join(sys.path))
print("platform", sys.implementation.name, __name__)
print("leaked", os.getenv("SECRET_OF_THE_PARENT"), os.getenv("HOME"))
"""


def test_runs_boot_and_main_in_the_flash(tmp_path):
    boot = "import os\nfrom_boot = sorted(os.listdir())"
    board, status = run_board(tmp_path, "print('main sees', from_boot)", boot=boot)
    assert status == 0
    assert board.console() == ["main sees ['boot.py', 'config.json', 'main.py']"]
    assert board.stdout == "main sees ['boot.py', 'config.json', 'main.py']\n"
    assert board.causes() == ["power"]


def test_interpreter_is_micropython_with_the_given_heap_and_a_clean_environment(tmp_path):
    for number, (option, size) in enumerate(
        ((("--heap", "96k"), 96), (("--mpy",), 128), ((), 192))
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        secret = {"SECRET_OF_THE_PARENT": "x", "MICROPYPATH": "nowhere", "PYTHONPATH": "nowhere"}
        board, status = run_board(folder, PRINT_STATE, *option, environment=secret)
        said = dict(line.split(" ", 1) for line in board.console())
        assert status == 0
        assert size * 1024 * 0.95 < int(said["heap"]) <= size * 1024
        assert said["path"] == f"|{mock.compiled()}|.frozen|lib"
        assert said["platform"] == "micropython __main__"
        assert said["leaked"] == "None None"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_lets_the_firmware_end(tmp_path, number):
    with BoardProcess(tmp_path, PATIENT) as board:
        board.wait_console("ready")
        status, took_s = board.end(number)
        assert (status, board.console()) == (0, ["ready", "de-registered"])
        assert took_s < 1


def test_one_signal_to_the_process_group_is_one_ctrl_c(tmp_path):
    main = PATIENT + "\ntry:\n    time.sleep_ms(400)\n    print('only one')\nexcept BaseException:"
    main += "\n    print('more than one')\n"
    with BoardProcess(tmp_path, main) as board:
        board.wait_console("ready")
        os.killpg(board.process.pid, signal.SIGINT)
        # As timeout(1) does: to the process, and at once to its group.
        os.kill(board.process.pid, signal.SIGTERM)
        assert board.process.wait(5) == 0
        assert board.console() == ["ready", "de-registered", "only one"]


def test_ctrl_c_wakes_asyncio_and_a_busy_loop(tmp_path):
    coroutine = "async def f(): await asyncio.sleep(60)\nasyncio.run(f())"
    loops = ("import asyncio\n" + coroutine, "while True: pass")
    for number, loop in enumerate(loops):
        folder = tmp_path / str(number)
        folder.mkdir()
        main = f"try:\n  print('ready')\n  exec({loop!r})\nexcept KeyboardInterrupt: print('end')"
        with BoardProcess(folder, main) as board:
            board.wait_console("ready")
            status, took_s = board.end()
            assert (status, board.console()) == (0, ["ready", "end"])
            assert took_s < 1


COLLECTING = """
import gc, machine
pin = machine.Pin("PC13")
junk = [[] for _ in range(1500)]
print("ready")
try:
    while True:
        gc.collect()
        pin.value()
except KeyboardInterrupt:
    print("de-registered", len(bytearray(1000)))
"""


def test_signal_during_a_garbage_collection_leaves_the_heap_usable(tmp_path):
    with BoardProcess(tmp_path, COLLECTING) as board:
        board.wait_console("ready")
        status, took_s = board.end()
        assert (status, board.console()) == (0, ["ready", "de-registered 1000"])
        assert took_s < 1


def test_stop_that_the_firmware_has_seen_is_no_signal_as_well(tmp_path):
    main = "import machine, time\npin = machine.Pin('PC13')\nprint('ready')\n"
    main += "try:\n    while True: pin.value()\nexcept KeyboardInterrupt:\n"
    main += "    time.sleep_ms(500)\n    print('undisturbed')"
    with BoardProcess(tmp_path, main) as board:
        board.wait_console("ready")
        status, _ = board.end()
        assert (status, board.console()) == (0, ["ready", "undisturbed"])


def test_signal_reaches_firmware_that_stopped_looking_at_its_hardware(tmp_path):
    main = "import machine\nmachine.Pin('PC13')\nprint('ready')\n"
    main += "try:\n    while True: pass\nexcept KeyboardInterrupt: print('end')"
    with BoardProcess(tmp_path, main) as board:
        board.wait_console("ready")
        status, took_s = board.end()
        assert (status, board.console()) == (0, ["ready", "end"])
        assert took_s < 1


def test_signal_in_place_of_a_stop_is_the_only_ctrl_c(tmp_path):
    main = "import machine, time\npin = machine.Pin('PC13')\nprint('ready')\n"
    main += "try:\n    while True: pass\nexcept KeyboardInterrupt:\n"
    main += "    for _ in range(50): pin.value(), time.sleep_ms(5)\n    print('undisturbed')"
    with BoardProcess(tmp_path, main) as board:
        board.wait_console("ready")
        status, _ = board.end()
        assert (status, board.console()) == (0, ["ready", "undisturbed"])


def test_signal_after_the_end_does_not_change_the_exit_status(tmp_path):
    with BoardProcess(tmp_path, PATIENT) as board:
        board.wait_console("ready")
        while board.process.poll() is None:
            board.process.send_signal(signal.SIGTERM)
            time.sleep(0.002)
        assert board.process.returncode == 0


HANGING = """
word = "ready"
while True:
    try:
        print(word)
        while True:
            pass
    except KeyboardInterrupt:
        word = "ignored"
"""


def test_hanging_firmware_is_stopped_within_three_seconds(tmp_path):
    with BoardProcess(tmp_path, HANGING) as board:
        board.wait_console("ready")
        status, took_s = board.end()
        assert status == 0 and 1.5 < took_s < 3
        assert board.console() == ["ready", "ignored"]
        assert "stopped" in board.stderr


def test_second_signal_ends_at_once(tmp_path):
    with BoardProcess(tmp_path, HANGING) as board:
        board.wait_console("ready")
        board.process.send_signal(signal.SIGINT)
        board.wait_console("ignored")
        time.sleep(0.25)
        status, took_s = board.end(signal.SIGINT)
        assert status == 0 and took_s < 0.5


def test_for_seconds(tmp_path):
    start = time.monotonic()
    board, status = run_board(tmp_path, PATIENT, "--for", "0.6")
    assert status == 0 and 0.6 <= time.monotonic() - start < 2
    assert board.console() == ["ready", "de-registered"]


def test_exit_status_of_the_firmware(tmp_path):
    cases = (
        ("1/0", 1, "ZeroDivisionError: divide by zero"),
        ("raise SystemExit(2)", 2, None),
        ("raise SystemExit", 0, None),
        ("raise SystemExit(7)", 1, None),
        ("raise SystemExit('text')", 1, None),
        ("raise KeyboardInterrupt", 0, None),
        ("pass", 0, None),
        ("exit_status = 2", 2, None),
        ("exit_status = 'fine'", 0, None),
        ("def f(): f()\nf()", 1, "RuntimeError: maximum recursion depth exceeded"),
        ("import uctypes\nuctypes.bytes_at(1, 1)", 1, None),  # ends the interpreter itself
    )
    for number, (main, expected, last_line) in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        board, status = run_board(folder, main)
        assert status == expected, (main, board.stdout, board.stderr)
        if last_line:
            assert board.console()[-1] == last_line
    assert "virtual_board: the interpreter ended" in board.stderr


def test_failing_boot_does_not_keep_main_from_running(tmp_path):
    board, status = run_board(tmp_path, "print('main')", boot="1/0")
    assert status == 1
    assert board.console()[-2:] == ["ZeroDivisionError: divide by zero", "main"]


HEARTBEAT = """
import time
while True:
    with open("beat", "w") as file:
        file.write("%d" % time.ticks_ms())
    time.sleep_ms(5)
"""


def test_killed_supervisor_takes_the_interpreter_with_it(tmp_path):
    with BoardProcess(tmp_path, HEARTBEAT) as board:
        beat = board.flash / "beat"
        board.wait_for(lambda: beat.exists() and beat.read_text())
        board.process.kill()
        board.process.wait()
        time.sleep(0.1)
        last = beat.stat().st_mtime_ns
        time.sleep(0.2)
        assert beat.stat().st_mtime_ns == last


def test_leashed_it_ends_with_the_program_that_started_it(tmp_path):
    for leashed in ("0", "1"):
        folder = tmp_path / leashed
        folder.mkdir()
        environment = {"VIRTUAL_BOARD_LEASHED": leashed}
        with BoardProcess(folder, PATIENT, environment=environment) as board:
            board.wait_console("ready")
            board.process.stdin.close()  # so does the system for a program that was killed
            if leashed == "1":
                assert board.process.wait(5) == 0
                assert board.console() == ["ready", "de-registered"]
            else:
                with pytest.raises(subprocess.TimeoutExpired):
                    board.process.wait(0.3)


def test_nobody_reads_the_output(tmp_path):
    flash = tmp_path / "flash"
    flash.mkdir()
    (flash / "boot.py").write_text("")
    (flash / "config.json").write_text("{}")
    (flash / "main.py").write_text(
        "for i in range(30000): print(i)\nopen('done', 'w').close()\n" + PATIENT
    )
    command = [sys.executable, "-m", "tools.virtual_board", "--flash", str(flash)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    with process:
        deadline = time.monotonic() + 10
        while not (flash / "done").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.terminate()
        assert process.wait(5) == 0


def test_closed_standard_files(tmp_path):
    shell = '"$0" -m tools.virtual_board --flash "$1" --events "$2" --for 0.3 <&- >&-'
    flash = tmp_path / "flash"
    flash.mkdir()
    (flash / "boot.py").write_text("print('alive')")
    (flash / "config.json").write_text("{}")
    events = tmp_path / "events"
    command = ["sh", "-c", shell, sys.executable, str(flash), str(events)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    assert '"alive"' in events.read_text()


@pytest.fixture
def kept_signals():
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGTTIN)
    handlers = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)


def refusal(capfd, *arguments):
    assert virtual_board.main(list(arguments)) == 2
    out, err = capfd.readouterr()
    assert out == "" and err.startswith("virtual_board: ") and err.count("\n") == 1
    return err


def test_bad_arguments_are_refused_in_one_line(kept_signals, capfd, tmp_path, monkeypatch):
    used = tmp_path / "used"
    used.mkdir()
    (used / "boot.py").write_text("")
    (used / "config.json").write_text('{"board": "b_l475e_iot01a"}')
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "boot.py").write_text("")
    (broken / "config.json").write_text("[1]")
    plain = tmp_path / "plain"
    plain.write_text("")
    server = ("--server", "coap://127.0.0.1")
    bootstrap = ("--bootstrap", "coaps://127.0.0.1")
    psk = ("--psk-identity", "me", "--psk-key", KEY)
    cases = (
        ((), "--endpoint is needed"),
        (("--endpoint", "n"), "--server or --bootstrap is needed"),
        (server, "--endpoint is needed"),
        (("--bootstrap", "coap://127.0.0.1"), "--endpoint is needed"),
        (("--psk-identity", "me"), "belong together"),
        (("--psk-key", KEY), "belong together"),
        ((*psk, *server), "--server: coap:// sends in clear"),
        (psk, "belongs to --bootstrap or --server"),
        (("--server", "coaps://127.0.0.1"), "--server: coaps:// needs --psk-identity"),
        (("--bootstrap", "coaps://127.0.0.1"), "--bootstrap: coaps:// needs --psk-identity"),
        ((*psk, *bootstrap, "--server", "coaps://a"), "--server: coaps:// needs `make provision`"),
        (("--server", "coap://me:s3cret@127.0.0.1"), "no name or password"),
        ((*psk, "--bootstrap", "coaps://a b", "--endpoint", "n"), "--bootstrap coaps://a b"),
        ((*psk, "--psk-key-file", str(plain)), "not allowed with"),
        (("--psk-key-file", str(plain)), "a key of 0 bytes"),
        (("--psk-key-file", KEY), "--psk-key-file: no such file"),
        (("--psk-key-file", str(tmp_path)), "not a file"),
        (("--psk-key", KEY + "x"), "--psk-key: expected hexadecimal text"),
        (("--psk-key", KEY * 3), "a key of 48 bytes, expected 1 to 32"),
        (("--psk-key", KEY, "--psk-identity", "i" * 129), "an identity of 129 bytes"),
        (("--board", "esp32"), "nucleo_f429zi"),
        (("--heap", "12"), "heap"),
        (("--heap", "lots"), "heap"),
        (("--temperature", "nan"), "temperature"),
        (("--lifetime", "0", *server), "lifetime"),
        (("--lifetime", "60", "--flash", str(used)), "--server"),
        (("--for", "-1"), "--for"),
        (("--unknown",), "--unknown"),
        (("--psk", KEY), "unrecognized arguments: --psk ("),
        (("--psk=" + KEY,), "unrecognized arguments: --psk ("),
        ((KEY,), "unrecognized arguments: no option"),
        (("--end", "n"), "--end"),  # no abbreviations: they would change their meaning one day
        (("--flash", str(other), *server, "--endpoint", "n"), "no boot.py"),
        (("--flash", str(plain), *server, "--endpoint", "n"), "not a directory"),
        (("--flash", str(broken)), "config.json"),
        (("--flash", str(used), "--board", "nucleo_f429zi"), "b_l475e_iot01a"),
        (("--flash", str(used), "--events", str(tmp_path / "no" / "e")), "--events"),
        (("--flash", str(used), "--pty", str(plain)), "remove it first"),
        (("--flash", str(used), "--pty", str(tmp_path / "no" / "p")), "--pty"),
    )
    for arguments, expected in cases:
        said = refusal(capfd, *arguments)
        assert expected in said, arguments
        assert KEY not in said and "s3cret" not in said
    assert sorted(path.name for path in other.iterdir()) == ["notes.txt"]
    monkeypatch.setenv("MPY", "1.0")
    assert "expected 1.28 or 1.29" in refusal(capfd, "--flash", str(used))


def test_missing_micropython_names_the_next_step(kept_signals, capfd, monkeypatch):
    monkeypatch.setattr(interpreter.importlib.util, "find_spec", lambda name: None)
    assert "make setup" in refusal(capfd, "--blank")


def small_repository(folder):
    for name in ("boot.py", "main.py", "lib/coap/message.py", "firmware/app.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("# " + name)
    return folder


def options(**given):
    names = "server endpoint lifetime board bootstrap psk_identity psk_key update_key"
    values = dict.fromkeys(names.split())
    return SimpleNamespace(**{**values, "blank": False, "mpy": False, "frozen": None, **given})


def account_of(flash):
    accounts, _ = flash_module.firmware()
    (account,) = accounts.load(str(flash))
    return account["uri"], account["lifetime_s"]


def test_empty_flash_is_filled_and_provisioned_once(tmp_path):
    root = small_repository(tmp_path / "root")
    flash = tmp_path / "flash"
    wanted = options(server="coap://127.0.0.1", endpoint="desk", lifetime=60)
    assert flash_module.prepare(flash, wanted, root) == ("nucleo_f429zi", "desk")
    assert (flash / "lib/coap/message.py").read_text() == "# lib/coap/message.py"
    config = json.loads((flash / "config.json").read_text())
    assert config == {"board": "nucleo_f429zi", "endpoint": "desk"}
    assert account_of(flash) == ("coap://127.0.0.1", 60)

    # The second start keeps what it finds, though everything about it is different.
    (flash / "main.py").write_text("# changed")
    again = options(server="coap://127.0.0.2", endpoint="other")
    assert flash_module.prepare(flash, again, root) == ("nucleo_f429zi", "desk")
    assert (flash / "main.py").read_text() == "# changed"
    assert json.loads((flash / "config.json").read_text()) == config
    assert account_of(flash) == ("coap://127.0.0.1", 60)


def test_flash_of_compiled_files(tmp_path):
    root = small_repository(tmp_path / "root")
    wanted = options(server="coap://127.0.0.1", endpoint="desk", mpy=True, board="b_l475e_iot01a")
    assert flash_module.prepare(tmp_path / "flash", wanted, root)[0] == "b_l475e_iot01a"
    assert (tmp_path / "flash/lib/coap/message.mpy").read_bytes()[:1] == b"M"
    assert not (tmp_path / "flash/lib/coap/message.py").exists()


def test_accounts_with_a_key(tmp_path):
    root = small_repository(tmp_path / "root")
    accounts, _ = flash_module.firmware()
    psk = {"psk_identity": b"me", "psk_key": bytes.fromhex(KEY), "endpoint": "n"}
    both = {"server": "coap://s", "bootstrap": "coaps://b", "lifetime": 60, **psk}
    plain = {"server": "coap://s", "bootstrap": "coap://b", "endpoint": "n"}
    # What is given, and of each account: URI, mode, whether it has the key, lifetime.
    cases = (
        ({"server": "coaps://s", **psk}, [("coaps://s", 0, True, 3600)]),
        ({"bootstrap": "coaps://b?aid=X", **psk}, [("coaps://b?aid=X", 0, True, None)]),
        (both, [("coap://s", 3, False, 60), ("coaps://b", 0, True, None)]),
        (plain, [("coap://s", 3, False, 3600), ("coap://b", 3, False, None)]),
    )
    for number, (given, expected) in enumerate(cases):
        flash = tmp_path / str(number)
        flash_module.prepare(flash, options(**given), root)
        # The second start keeps what the first has brought, also without options.
        again = options(server="coap://other", bootstrap="coap://other")
        flash_module.prepare(flash, again, root)
        found = []
        for account in accounts.load(str(flash)):
            security = accounts.credentials(account["security_iid"], str(flash))
            has_key = (security.identity, security.key) == (b"me", bytes.fromhex(KEY))
            assert has_key or not security.key
            found.append((account["uri"], account["mode"], has_key, account.get("lifetime_s")))
        assert sorted(found) == sorted(expected)
        (record,) = (flash / "state").iterdir() if len(found) == 1 else [flash / "state/factory.0"]
        assert record.stat().st_mode & 0o077 == 0


def test_provisioned_flash_is_filled(tmp_path):
    root = small_repository(tmp_path / "root")
    accounts, _ = flash_module.firmware()
    flash = tmp_path / "flash"
    flash.mkdir()
    accounts.provision(str(flash), uri="coap://a")
    assert flash_module.prepare(flash, options(endpoint="n"), root) == ("nucleo_f429zi", "n")
    assert account_of(flash) == ("coap://a", 3600)
    # A server in config.json is as good.
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text('{"server": "coap://a", "endpoint": "n"}')
    assert flash_module.prepare(other, options(), root) == ("nucleo_f429zi", "n")
    assert (other / "boot.py").exists() and not (other / "state").exists()


def test_server_the_firmware_refuses(tmp_path):
    root = small_repository(tmp_path / "root")
    with pytest.raises(UserError, match="^--server http://x: expected coap://host"):
        flash_module.prepare(tmp_path / "flash", options(server="http://x", endpoint="n"), root)


def test_temporary_flash_is_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command = [sys.executable, "-m", "tools.virtual_board", "--blank", "--for", "0.3"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    with process:
        assert process.stdout.readline().startswith(b"MicroPython")  # an empty board has its REPL
        assert len(list(tmp_path.iterdir())) == 1
        assert process.wait(5) == 0
    assert list(tmp_path.iterdir()) == []
