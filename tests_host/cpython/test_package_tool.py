"""`make package` and `make package-info`, and the update key on its way to a board."""

import os
import re
import secrets
import shutil
import subprocess
import sys

import pytest
from secrets_used import used

from firmware import requirements, update_key
from tools import install
from tools.errors import UserError
from tools.install import ROOT
from tools.keysearch.search import Search
from tools.package import __main__ as tool
from tools.package import build, form
from tools.package import key as key_file
from tools.provision import __main__ as provision
from tools.virtual import flash
from tools.virtual import options as command_line

VERSION = "1.2.3"
BOARD = "b_l475e_iot01a"  # whose slot has room for all
ROOM = 1 << 20  # more than there is: nothing has to be made smaller


@pytest.fixture
def key():
    return used(secrets.token_bytes(32))


@pytest.fixture
def desk(tmp_path, monkeypatch, capfd, key):
    """A function that runs the tool in a directory of its own; no key is in what it says."""
    monkeypatch.setattr(key_file, "DEFAULT", tmp_path / "build" / "update.key")
    (tmp_path / "some.key").write_text(key.hex() + "\n")

    def run(*arguments, module=tool):
        status = module.main([each.replace("DESK", str(tmp_path)) for each in arguments])
        out, err = capfd.readouterr()
        for path in (tmp_path / "some.key", key_file.DEFAULT):
            if path.exists():
                text = path.read_text().strip()
                search = Search([bytes.fromhex(text)])
                search.data((out + err).encode(), "what it says")
                assert not search.finds
        assert status in (0, 2) and bool(status) == bool(err) and err.count("\n") <= 1
        return status, out + err

    run.folder = tmp_path
    return run


@pytest.fixture(scope="module")
def package():
    """A key and a package under it; the whole firmware, compiled once."""
    key = used(secrets.token_bytes(32))
    return key, build.build(key, VERSION, BOARD, room=ROOM).data


def small(tmp_path):
    """A root with a small application, whose board has a slot."""
    root = tmp_path / "root"
    files = {
        "boot.py": "",
        "main.py": "",
        "lib/coap/message.py": "def parse():\n    return 1\n",
        "firmware/app.py": "VALUE = 42",
        "firmware/version.py": 'VERSION = "0.1.0"\n',
        "firmware/dtls.py": "HERE = 'dtls'\n" * 200,
        "firmware/trace.py": "HERE = 'trace'\n" * 50,
        "firmware/boards/one.py": "SLOTS = 1\nSLOT_BYTES = 4 * 1024  # much\n",
        "firmware/boards/none.py": "SLOTS = 0\nSLOT_BYTES = 0\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def micropython(folder, code, heap="64k"):
    command = [sys.executable, "-m", "micropython_unix", "-X", f"heapsize={heap}", "-c", code]
    environment = {**os.environ, "MICROPYPATH": ".frozen:lib"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_what_is_in_it(package):
    key, data = package
    found = form.Package(data)
    assert found.signed_by(key) and not found.damaged
    assert not found.signed_by(used(secrets.token_bytes(32)))
    assert found.info == {
        "name": build.NAME,
        "version": VERSION,
        "board": BOARD,
        "micropython": "1.28",
        "mpy": 6,
        "march": "",
    }
    names = {name for name, _, _ in found.files}
    expected = {
        re.sub(r"\.py$", ".mpy", name).removeprefix("lib/")
        for name in install.board_files(board=BOARD)
        if name.startswith(("lib/", "firmware/"))
    }
    assert names == expected
    # What it needs to be updated itself.
    assert {"firmware/signature.mpy", "firmware/update_key.mpy", "firmware/slots.mpy"} <= names


def test_the_same_input_gives_the_same_bytes(package, tmp_path, key):
    made, data = package
    for name in ("lib", "firmware"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("boot.py", "main.py"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    # Another folder, other times of the files, another process, hash seed and time zone.
    for path in tmp_path.rglob("*.py"):
        os.utime(path, (1, 1))
    (tmp_path / "update.key").write_text(made.hex())
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    code = (
        "import sys\nfrom tools.package import build\n"
        f"made = build.build(bytes.fromhex(open('update.key').read()), {VERSION!r}, {BOARD!r}, "
        f"root='.', room={ROOM})\nsys.stdout.buffer.write(made.data)"
    )
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.stdout == data, done.stderr
    # Another key changes the signature alone, another version its own file and the head.
    start = form.Package(data).start
    other = build.build(key, VERSION, BOARD, room=ROOM).data
    assert other[: start - 32] == data[: start - 32] and other[start:] == data[start:]
    assert other[start - 32 : start] != data[start - 32 : start]
    other = form.Package(build.build(made, "1.2.4", BOARD, room=ROOM).data)
    old = {name: digest for name, _, digest in form.Package(data).files}
    changed = [name for name, _, digest in other.files if old[name] != digest]
    assert changed == ["firmware/version.mpy"]


CHECK = """
import gc, sys
sys.path[:] = ["", ".frozen", %r, %r]
import os
from firmware.contents import contents
from firmware.description import described
from firmware.signature import signed
with open("update.key", "rb") as file:
    key = file.read()
with open("slot1.pkg", "rb") as file:
    gc.collect()
    before = gc.mem_alloc()
    info = described(file, signed(file, key, os.stat("slot1.pkg")[6]))
    most = 0
    for good in contents(file):
        gc.collect()
        most = max(most, gc.mem_alloc() - before)
print(info["version"], good == info["size"], most)
"""


def test_the_board_takes_it_in_constant_memory(package, tmp_path):
    key, data = package
    (tmp_path / "update.key").write_bytes(key)
    (tmp_path / "slot1.pkg").write_bytes(data)
    code = CHECK % (str(ROOT), str(ROOT / "lib"))
    said = micropython(tmp_path, code, "48k")
    version, good, most = said.split()
    # Its buffer of 1 KB, and what the head says.
    assert (version, good) == (VERSION, "True") and int(most) < 4096, said


MOUNT = """
import sys, struct, vfs
sys.path[:] = ["", ".frozen", %r, %r]
import copies
from binascii import crc32
with open("slot1.pkg", "rb") as file:
    crc = crc32(file.read(%d)) & 0xFFFFFFFF
vfs.mount(copies.Package("slot1.pkg", crc), "/slot1")
sys.path[:] = ["/slot1", ".frozen", %r]
for number, name in enumerate(%r):
    __import__(name)
print(sys.modules["firmware.version"].VERSION, sys.modules["coap.message"].__file__, number + 1)
"""


def test_every_module_can_be_imported_from_it(package, tmp_path):
    key, data = package
    small = build.build(key, VERSION, BOARD, room=len(data) - 1, everything=True).data
    for number, each in enumerate((data, small)):
        found = form.Package(each)
        for name, _, _ in found.files:
            assert name.endswith(".mpy")
        modules = [
            name.removesuffix(".mpy").replace("/", ".").removesuffix(".__init__")
            for name, _, _ in found.files
            if not name.startswith(("firmware/boards/", "firmware/objects/", "firmware/modules"))
        ]
        (tmp_path / "slot1.pkg").write_bytes(each)
        hardware = str(ROOT / "tests_host/hardware")
        code = MOUNT % (str(ROOT), hardware, found.start, hardware, modules)
        expected = f"{VERSION} /slot1/coap/message.mpy {len(modules)}\n"
        assert micropython(tmp_path, code, "1m") == expected, number
    assert len(small) < 0.85 * len(data)


def test_make_package_and_info(desk):
    status, said = desk(f"VERSION={VERSION}", "BOARD=b_l475e_iot01a", "OUT=DESK/a/b.pkg")
    assert status == 0 and "update.key is new" in said and "Keep a copy" in said
    assert re.search(r"b\.pkg: [0-9]{2,3},[0-9]{3} bytes of [0-9]{2,3},[0-9]{3} of a slot", said)
    assert "left out" not in said
    made = key_file.DEFAULT.read_text()
    assert re.fullmatch("[0-9a-f]{64}\n", made)
    assert key_file.DEFAULT.stat().st_mode & 0o777 == 0o600
    status, said = desk("info", "FILE=DESK/a/b.pkg")
    assert status == 0
    for line in (
        "iotkitv3-lwm2m 1.2.3 for b_l475e_iot01a",
        "MicroPython 1.28 or later, .mpy 6, bytecode only",
        "signature: that of",
        "coap/message.mpy",
    ):
        assert line in said
    assert "NOT" not in said and "DAMAGED" not in said
    # The same key for the next one; and another.
    desk("VERSION=1.2.4", "BOARD=b_l475e_iot01a", "OUT=DESK/c.pkg")
    assert key_file.DEFAULT.read_text() == made
    assert (
        "signature: NOT that of" in desk("info", "FILE=DESK/a/b.pkg", "KEY_FILE=DESK/some.key")[1]
    )
    key_file.DEFAULT.unlink()
    assert "signature not checked" in desk("info", "FILE=DESK/a/b.pkg")[1]
    assert not key_file.DEFAULT.exists()
    path = desk.folder / "a/b.pkg"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    status, said = desk("info", "FILE=DESK/a/b.pkg")
    assert status == 2 and "DAMAGED" in said and "1 damaged files" in said


def test_info_of_what_is_none(desk, package):
    path = desk.folder / "x.pkg"
    data = package[1]
    for content, expected in (
        (b"", "no package"),
        (b"PK\3\4" + bytes(100), "no package"),
        (data[:10], "no package"),
        (data[:300], "no package"),
        (data[:-1], "not copied whole"),
        (data + b"\0", "not copied whole"),
        (b"lwm2mpk1\x02\0\1\0\0\0\0\0{}" + bytes(100), "no package"),
    ):
        path.write_bytes(content)
        status, said = desk("info", "FILE=DESK/x.pkg")
        assert status == 2 and expected in said, (content[:20], said)
    assert "No such file" in desk("info", "FILE=DESK/y.pkg")[1]


def test_refused(desk):
    (desk.folder / "short.key").write_text(used(secrets.token_bytes(16)).hex())
    (desk.folder / "text.key").write_text("no key at all")
    for arguments, expected in (
        (["VERSION=1.2"], "VERSION="),
        (["VERSION=01.2.3"], "VERSION="),
        (["VERSION=1.2.3-rc1"], "VERSION="),
        (["BOARD=nucleo_f429zi"], "VERSION="),
        (["VERSION=1.2.3", "BOARD=frdm_k64f"], "expected one with a slot: b_l475e_iot01a, nucleo"),
        (["VERSION=1.2.3", "BOARD=../x"], "expected one with a slot"),
        (["VERSION=1.2.3", "KEY=0011"], "other programs can see a key"),
        (["VERSION=1.2.3", "KEY_FILE=DESK/short.key"], "16 bytes, an update key has 32"),
        (["VERSION=1.2.3", "KEY_FILE=DESK/text.key"], "expected hexadecimal text"),
        (["VERSION=1.2.3", "KEY_FILE=DESK/none.key"], "no such file"),
        (["VERSION=1.2.3", "WITHOUT=update"], "expected one or more of security"),
        (["VERSION=1.2.3", "LINES=2"], "expected 1 or 0"),
        (["VERSION=1.2.3", "NEEDS=new"], "two numbers"),
        (["VERSION=1.2.3", "NAME=a b"], "letters"),
        (["VERSION=1.2.3", "VERSION=1.2.3"], "twice"),
        (["VERSION=1.2.3", "OUT="], "empty"),
        (["VERSION=1.2.3", "COLOUR=red"], "unknown"),
        (["1.2.3"], "expected NAME=value"),
        (["info", "KEY_FILE=DESK/some.key"], "FILE=FILE is needed"),
        (["info", "VERSION=1.2.3"], "unknown"),
    ):
        status, said = desk(*arguments)
        assert status == 2 and expected in said, (arguments, said)
    assert not list(desk.folder.glob("**/*.pkg"))
    for arguments in ([], ["info"], ["--help"]):
        status, said = desk(*arguments)
        assert status == 0 and "make package VERSION=1.2.3" in said


def test_what_does_not_fit(tmp_path, key):
    root = small(tmp_path)
    assert build.boards(root) == {"one": 4096}
    whole = build.build(key, VERSION, "one", root)
    assert whole.left_out == "" and len(whole.data) <= 4096
    size = len(whole.data)
    names = [each[0] for each in form.Package(whole.data).files]
    # One after the other goes, the numbers of lines first, until it fits.
    steps = []
    last = size
    with pytest.raises(UserError, match="even without DTLS and bootstrap, the trace") as error:
        while True:
            made = build.build(key, VERSION, "one", root, last - 1)
            assert len(made.data) < last
            last = len(made.data)
            steps.append(made.left_out)
    assert f"bytes, a slot of one has {last - 1:,}: 4 files of" in str(error.value)
    lines, security, trace = (
        "numbers of lines in tracebacks",
        "DTLS and bootstrap",
        "the trace of messages",
    )
    assert steps[:2] == ["", lines] and security in steps  # compressed first
    assert steps[-1] == f"{security}, {trace}, {lines}"
    # Compressed, nothing is missing.
    everything = build.build(key, VERSION, "one", root, size - 1, everything=True)
    assert [each[0] for each in form.Package(everything.data).files] == names
    with pytest.raises(
        UserError, match="bytes, a slot of one has 600: 6 files of .*leave out ALL"
    ):
        build.build(key, VERSION, "one", root, 600, everything=True)
    # What is asked for is left out, and nothing else.
    made = build.build(key, VERSION, "one", root, without=["security"])
    names = [name for name, _, _ in form.Package(made.data).files]
    assert made.left_out == security
    assert "firmware/dtls.mpy" not in names and "firmware/trace.mpy" in names


def test_names_and_kinds(tmp_path, key):
    root = small(tmp_path)
    for name in ("firmware/Big.txt", "firmware/a b.txt", "firmware/\u00fc.txt"):
        (root / name).write_text("x")
        with pytest.raises(UserError, match="a name in a package"):
            build.build(key, VERSION, "one", root)
        (root / name).unlink()
    # A file that is no module travels with its package.
    (root / "firmware/page.txt").write_text("text")
    made = form.Package(build.build(key, VERSION, "one", root).data)
    assert ("firmware/page.txt", 4) in [each[:2] for each in made.files]
    # Native code makes it one for its machine.
    native = "import micropython\n@micropython.viper\ndef add(a: int, b: int) -> int:\n"
    (root / "firmware/app.py").write_text(native + "    return a + b\n")
    assert form.Package(build.build(key, VERSION, "one", root).data).info["march"] == "armv7emsp"
    made = build.build(key, VERSION, "one", root, march="x64")
    assert form.Package(made.data).info["march"] == "x64"
    (root / "firmware/version.py").write_text("VERSION = get()\n")
    with pytest.raises(UserError, match="expected one line VERSION"):
        build.build(key, VERSION, "one", root)
    (root / "firmware/version.py").unlink()
    with pytest.raises(UserError, match=r"version\.py is missing"):
        build.build(key, VERSION, "one", root)


def test_as_many_files_as_there_may_be(key):
    info = build.describe(VERSION, "one", {"a.mpy": b"M\x06\x00\x1f"})
    form.pack(key, info, {"f%d" % number: b"" for number in range(200)})
    with pytest.raises(UserError, match="1 to 200"):
        form.pack(key, info, {"f%d" % number: b"" for number in range(201)})
    with pytest.raises(UserError, match="12288"):
        form.pack(key, info, {"f%d" % number + "x" * 90: b"" for number in range(100)})
    with pytest.raises(UserError, match="CRC-32"):
        form.pack(key, info, {"plumless": b"", "buckeroo": b""})


def test_update_key_into_a_flash(desk, key):
    folder = desk.folder / "flash"
    folder.mkdir()
    status, said = desk("FLASH=DESK/flash", "UPDATE_KEY_FILE=DESK/some.key", module=provision)
    assert status == 0 and "update key: it takes packages signed with it alone" in said
    assert "state/update_key.0" in said
    assert update_key.load(str(folder)) == key
    for path in (folder / "state").iterdir():
        assert path.stat().st_mode & 0o077 == 0
    # Together with an account; a factory reset keeps it.
    arguments = ["FLASH=DESK/flash", "SERVER=coap://h", "UPDATE_KEY_FILE=DESK/build/update.key"]
    status, said = desk(*arguments, module=provision)
    assert status == 0 and "update.key is new" in said and "coap://h" in said
    new = bytes.fromhex(key_file.DEFAULT.read_text())
    assert update_key.load(str(folder)) == new != key
    from firmware import account_list

    account_list.factory_reset(str(folder))
    assert update_key.load(str(folder)) == new
    search = Search([key, new])
    search.place(folder)
    assert not search.finds  # but for the record, which is a store


def test_update_key_that_is_none(desk):
    (desk.folder / "flash").mkdir()
    (desk.folder / "short.key").write_text(used(secrets.token_bytes(16)).hex())
    for arguments, expected in (
        (["UPDATE_KEY_FILE=DESK/short.key"], "16 bytes, an update key has 32"),
        (["UPDATE_KEY_FILE=DESK/other.key"], "no such file"),
        (["UPDATE_KEY=001122"], "UPDATE_KEY_FILE=FILE"),
        ([], "UPDATE_KEY_FILE=FILE is needed"),
    ):
        status, said = desk("FLASH=DESK/flash", *arguments, module=provision)
        assert status == 2 and expected in said, said
    assert not (desk.folder / "flash/state").exists()


def test_update_key_of_a_virtual_board(desk, key):
    folder = desk.folder / "flash"
    base = ["--server", "coap://127.0.0.1", "--endpoint", "x", "--update-key-file"]
    given = command_line.parse([*base, str(desk.folder / "some.key")])
    flash.prepare(folder, given)
    assert update_key.load(str(folder)) == key
    for path in (folder / "state").glob("update_key.*"):
        assert path.stat().st_mode & 0o077 == 0
    # A second start keeps what it finds.
    other = used(secrets.token_bytes(32))
    (desk.folder / "other.key").write_text(other.hex())
    flash.prepare(folder, command_line.parse([*base, str(desk.folder / "other.key")]))
    assert update_key.load(str(folder)) == key
    with pytest.raises(UserError, match="--update-key-file: no such file"):
        command_line.parse([*base, str(desk.folder / "none.key")])


def test_the_architectures_are_those_of_the_compiler(tmp_path):
    # The third byte of a file with native code has the number, which the board has in its list.
    source = tmp_path / "native.py"
    source.write_text("import micropython\n@micropython.native\ndef f():\n    return 1\n")
    names = requirements._ARCHITECTURES.split(" ")
    assert names[1:] == list(build._ARCHITECTURES)
    for name in names[1:]:
        target = tmp_path / "native.mpy"
        if name == "rv64imc":
            continue  # not in every compiler
        install.compile_mpy(source, target, "native", name)
        assert names[target.read_bytes()[2] >> 2] == name
