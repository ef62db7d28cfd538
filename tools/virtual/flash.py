"""The directory that is the board's flash: filled when it is empty, used as it is otherwise."""

import json
import secrets
import shutil
import sys
from pathlib import Path

from tools import boot_file, install
from tools.errors import UserError
from tools.keysearch.notes import used
from tools.virtual.options import BOARDS

DEFAULT_BOARD = BOARDS[0]
_WIFI_BOARD = BOARDS[1]
_SSID = "desk"


def firmware():
    """Its own accounts and config, which also run here: so the records cannot drift apart."""
    root = install.ROOT
    for folder in (root, root / "lib", root / "tests_host" / "cpython_shims"):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    from firmware import accounts, config

    return accounts, config


def _read_config(path):
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: {error}") from None
    if not isinstance(config, dict):
        raise UserError(f"{path}: expected a JSON object")
    return config


def prepare(flash, options, root=install.ROOT):
    """Makes the directory ready to start; returns the name of its board and its endpoint name.

    A directory without boot.py is filled with the board's files. config.json and the server
    account are written only where there is none, so a second start keeps what it finds.
    """
    flash = Path(flash)
    config_file = flash / "config.json"
    used = (flash / "boot.py").exists()
    if flash.exists() and not flash.is_dir():
        raise UserError(f"--flash {flash}: not a directory")
    if not used and not options.blank and _foreign(flash):
        raise UserError(f"--flash {flash}: has files but no boot.py: empty it or add --blank")
    config = _read_config(config_file) if config_file.exists() else None
    board = _board(config_file, config, options)
    if options.blank:
        flash.mkdir(parents=True, exist_ok=True)
        return board, None
    if config is None and options.endpoint is None:
        raise UserError("--endpoint is needed: the flash has no config.json")
    given = options.server is not None or options.bootstrap is not None
    has_server = config is not None and "server" in config
    if not used and not (given or has_server or firmware()[0].exists(str(flash))):
        raise UserError("--server or --bootstrap is needed: the flash has no account")
    flash.mkdir(parents=True, exist_ok=True)
    if options.frozen is not None:
        _stage_frozen(flash, root, board)
    elif not used:
        march = install.host_march() if options.mpy else None
        install.stage(flash, root, mpy=options.mpy, march=march, board=board)
    if config is None:
        config = {"board": board, "endpoint": options.endpoint}
        config_file.write_text(json.dumps(config, indent=4) + "\n", encoding="utf-8")
    if given:
        _provision(flash, options)
    if options.update_key:
        _store_update_key(flash, options.update_key)
    return board, config.get("endpoint")


def _store_update_key(flash, key):
    # Where there is none: a second start keeps what it finds.
    firmware()
    from firmware import update_key

    if update_key.load(str(flash)) is None:
        update_key.store(str(flash), key)
        for path in (flash / "state").glob("update_key.*"):
            path.chmod(0o600)


def _stage_frozen(flash, root, board):
    # Only what starts it. A module on the flash would be mixed with the frozen ones.
    for name in ("firmware", "lib"):
        if (flash / name).exists():
            raise UserError(f"--frozen: {flash / name} would be in the way: remove it")
    for name in ("boot.py", "main.py"):
        shutil.copyfile(root / name, flash / name)
    pins = boot_file.content(board)
    if pins is not None:
        (flash / boot_file.NAME).write_bytes(pins)


def wifi(flash, board, options):
    """The "ssid", "passphrase" and "security" of the simulated access point, None where the board
    has no Wi-Fi.

    They are those that the flash has; one that has none gets them, but for an empty board. The
    passphrase is that of the file in the options, or made for this run.
    """
    if board != _WIFI_BOARD:
        return None
    firmware()
    from firmware import access_point

    stored = access_point.load(str(flash))
    ssid, passphrase, security = stored or (_SSID, secrets.token_urlsafe(12), access_point.WPA2)
    if options.wifi_password is not None:
        passphrase = options.wifi_password
    if passphrase:
        used(passphrase.encode())
    if stored is None and not options.blank:
        access_point.provision(str(flash), ssid, passphrase, security)
        for path in (Path(flash) / "state").glob("wifi.*"):
            path.chmod(0o600)
    return {"ssid": ssid, "passphrase": passphrase, "security": security}


def _board(config_file, config, options):
    configured = config.get("board") if config else None
    if configured is None:
        return options.board or DEFAULT_BOARD
    if options.board not in (None, configured):
        raise UserError(f"{config_file}: board {configured!r}, but --board {options.board}")
    # An unknown name there is the firmware's to refuse, on whatever hardware.
    return configured if configured in BOARDS else DEFAULT_BOARD


def _foreign(flash):
    # Files that neither `make provision` nor a hand that prepares a flash has put there.
    return flash.is_dir() and any(
        each.name not in ("config.json", "state") for each in flash.iterdir()
    )


def _provision(flash, options):
    accounts, config = firmware()
    if accounts.exists(str(flash)):
        return
    from lwm2m.objects import security

    wanted = []
    for option, uri in (("--bootstrap", options.bootstrap), ("--server", options.server)):
        if uri is None:
            continue
        try:
            config.server_uri(uri)
        except ValueError as error:
            raise UserError(f"{option} {uri}: expected {error}") from None
        account = {"uri": uri, "mode": security.NO_SEC, "bootstrap": option == "--bootstrap"}
        if uri.startswith("coaps:"):
            account["mode"] = security.PSK
            account["identity"] = options.psk_identity
            account["key"] = options.psk_key
        if options.lifetime is not None and option == "--server":
            account["lifetime_s"] = options.lifetime
        wanted.append(account)
    for account in wanted:
        accounts.provision(str(flash), **account)
    for path in (flash / "state").glob("factory.*"):
        path.chmod(0o600)  # it may hold keys
