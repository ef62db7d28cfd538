"""The search for keys after a run: it finds them in whatever form, and cannot pass by mistake."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tools.errors import UserError
from tools.install import ROOT
from tools.keysearch import forms, notes
from tools.keysearch.run import Run
from tools.keysearch.search import Search, read_keys


def finds(keys, data):
    search = Search(keys)
    search.data(data, "here")
    return search.finds


def in_groups(text, size, between):
    return between.join(text[at : at + size] for at in range(0, len(text), size))


def test_a_key_is_found_in_every_form_and_spelling():
    for key in (os.urandom(16), os.urandom(32), os.urandom(24) + b"\n'\0", b"printable key!"):
        text = key.hex()
        spellings = {
            "raw": [key, b"x" + key + b"y"],
            "hexadecimal": [
                text.encode(),
                text.upper().encode(),
                in_groups(text, 2, ":").encode(),
                in_groups(text, 2, " ").upper().encode(),
                in_groups(text, 4, "\n").encode(),
                ", ".join("0x%02X" % each for each in key).encode(),
                "".join("\\x%02x" % each for each in key).encode(),
            ],
            "Python bytes": [
                repr(key).encode(),
                repr(bytearray(key)).encode(),
                json.dumps({"text": repr(key)}).encode(),
            ],
            "list of numbers": [json.dumps(list(key)).encode(), repr(list(key)).encode()],
            "base64": [base64.b64encode(key), base64.urlsafe_b64encode(key)],
        }
        for before in range(4):
            embedded = base64.b64encode(os.urandom(before) + key + os.urandom(2))
            spellings["base64"] += [embedded, in_groups(embedded, 19, b"\r\n")]
        for form, texts in spellings.items():
            for each in texts:
                found = finds([key], b"key = " + each + b";")
                assert any(form in line for line in found), (form, each)
                assert not any(text in line for line in found)


def test_other_keys_are_not_found():
    key = os.urandom(16)
    almost = bytes((key[0] ^ 1,)) + key[1:]
    data = almost + almost.hex().encode() + base64.b64encode(almost) + repr(almost).encode()
    assert finds([key], data) == []


def test_of_a_private_key_the_secret_number_is_enough():
    private = ec.generate_private_key(ec.SECP256R1())
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    number = private.private_numbers().private_value.to_bytes(32, "big")
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    point = private.public_key().public_numbers()
    assert finds([der], b"..." + number.hex().encode())
    assert finds([der], pem)
    assert finds([der], point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big")) == []


def test_files_are_searched_but_for_the_stores(tmp_path):
    key = os.urandom(16)
    clean = ("flash/state/factory.0", "flash/state/accounts.1", "hand-over.key")
    found = ("flash/state/session0.0", "flash/factory.0", "console", "a/b/events.jsonl")
    for name in clean + found:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"..." + key)
    (tmp_path / key.hex()).write_bytes(b"")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    search = Search([key])
    search.place(tmp_path)
    told = "\n".join(search.finds)
    # Files of the same content are read once.
    assert len(search.finds) == 2 and "the name of" in told
    assert any(name in told for name in found)
    assert search.files == len(found) + 1 and search.size == len(found) * 19
    search = Search([key])
    search.place(tmp_path / "console")
    assert len(search.finds) == 1


def test_without_keys_it_fails(tmp_path, capsys):
    with pytest.raises(UserError, match="no key was noted"):
        read_keys(tmp_path / "keys")
    (tmp_path / "keys").write_text("aabb\n")
    with pytest.raises(UserError, match="less than 8"):
        read_keys(tmp_path / "keys")
    run = Run(tmp_path / "run")
    assert run.call([sys.executable, "-c", "print('hello')"]) == 0
    assert not run.search()
    assert "no key was noted" in capsys.readouterr().out
    assert run.search(part=True)
    assert "none used" in capsys.readouterr().out


def test_short_keys_are_refused():
    with pytest.raises(ValueError, match="by chance"):
        notes.used(b"1234567")


NOTING = """
import os, sys, tempfile
from tools.keysearch.notes import record, used
key = used(os.urandom(16))
where = sys.argv[1]
if where == "printed":
    print("the key is", key.hex())
elif where == "log":
    sys.stderr.write(repr(key))
elif where == "file":
    tempfile.mkstemp(key.hex())
elif where == "answer":
    record("http", b"{" + key + b"}")
"""


def test_what_a_run_writes_is_searched(tmp_path, capfd, monkeypatch):
    monkeypatch.delenv(notes.VARIABLE, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for where in ("nowhere", "printed", "log", "file", "answer"):
        lines = []
        run = Run(tmp_path / "run")
        assert run.call([sys.executable, "-c", NOTING, where], lines.append, cwd=tmp_path) == 0
        assert run.search() == (where == "nowhere"), where
        out = capfd.readouterr().out
        assert "keys: 1 used, %d found" % (where != "nowhere") in out
        assert ("FOUND" in out) == (where != "nowhere")
        assert bool(lines) == (where == "printed")
    assert not list(Path(run.written).glob("planted"))


def test_a_broken_search_is_noticed(tmp_path, monkeypatch, capsys):
    run = Run(tmp_path / "run")
    (tmp_path / "run" / "keys").write_text(os.urandom(16).hex())
    nothing = dict.fromkeys(forms.haystacks(b""), b"")
    monkeypatch.setattr(forms, "haystacks", lambda data: nothing)
    assert not run.search()
    assert "the search is broken" in capsys.readouterr().out


def test_command():
    done = subprocess.run(
        [sys.executable, "-m", "tools.keysearch", sys.executable, "-c", "print(1); exit(3)"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3 and done.stdout.startswith("1\n")
