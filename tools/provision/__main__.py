"""Writes one account with its credentials, a Wi-Fi network, the update key: `make provision`, or

    python -m tools.provision FLASH=DIR SERVER=coaps://HOST IDENTITY=NAME KEY_FILE=FILE

without arguments it shows what it takes. Exit status: 0 when all is written and read
back, 2 otherwise, with one line that tells why.
"""

import sys
import tempfile
from pathlib import Path

from tools.errors import UserError
from tools.provision import arguments, settings
from tools.provision.account import Account
from tools.provision.network import Network
from tools.provision.places import FILES, Board, Directory
from tools.provision.update_key import UpdateKey
from tools.virtual.flash import firmware


def _provision(given):
    accounts, config = firmware()
    from firmware import access_point, update_key
    from lwm2m.objects import security

    account = None
    records = []
    if any(name in given for name in arguments.ACCOUNTS):
        account = Account(given, security)
        # Checked before a board is stopped for it.
        try:
            config.server_uri(account.attributes["uri"])
        except ValueError as error:
            raise UserError(f"the server's URI: expected {error}") from None
    if "SSID" in given:
        records.append(Network(given, access_point))
    if "UPDATE_KEY_FILE" in given:
        records.append(UpdateKey(given, update_key))
    place = Board(given["PORT"]) if "PORT" in given else Directory(given["FLASH"])
    # For this user alone: the records hold credentials.
    with tempfile.TemporaryDirectory(prefix="provision-") as folder, place:
        _write(place, Path(folder), account, records, accounts, config)


def _write(place, folder, account, records, accounts, config):
    work, check = folder / "work", folder / "check"
    work.mkdir()
    provisioned = place.fetch(work)
    before = {name: _content(work / name) for name in FILES}
    lines = []
    for each in records:
        each.write(work)
        lines += each.lines
    if account:
        _check_able(place, account)
        old = {_key(each): each["uri"] for each in accounts.load(str(work))}
        accounts.provision(str(work), **account.attributes)
        lines += settings.change(work, account)
        found = _check_start(work, accounts, config)
    changed = [name for name in before if _content(work / name) != before[name]]
    place.store(work, changed)
    check.mkdir()
    place.fetch(check)
    for name in changed:
        if _content(check / name) != _content(work / name):
            raise UserError(f"{place.shown}: {name} reads back differently: is its flash full?")
    lines.append("read back: " + ", ".join(changed))
    if not account:
        print(f"{place.shown}: " + "\n  ".join(lines))
        return
    _tell(place, account, old, found, lines)
    for line in account.doubts:
        print("note: " + line)
    _lacking(place, account)
    if provisioned:
        print(
            "note: accounts of a bootstrap count before this one, until a factory reset (key r "
            "on the board's console, or state/accounts.* deleted)"
        )


def _check_start(work, accounts, config):
    # The accounts, as the firmware will find them.
    if not (work / "config.json").exists():
        return accounts.load(str(work))
    try:
        return config.load(str(work))[1]
    except ValueError as error:
        raise UserError(str(error).replace(f"{work}/", "")) from None


def _content(path):
    return path.read_bytes() if path.exists() else None


def _check_able(place, account):
    # What the firmware would refuse, told before it is written. 1: tls without PSK.
    needed = {account.security.NO_SEC: 0, account.security.CERTIFICATE: 1}
    if place.able is not None and place.able < needed.get(account.attributes["mode"], 2):
        lacking = "DTLS-PSK (needs v1.29)" if place.able else "the tls module"
        raise UserError(f"{place.shown}: its MicroPython lacks {lacking}: not written")


def _lacking(place, account):
    # What the installation would have to hold for this account, and does not.
    wanted = {
        "dtls": ("DTLS", account.attributes["mode"] != account.security.NO_SEC),
        "bootstrapping": ("bootstrap", account.attributes.get("bootstrap")),
    }
    lacking = [name for key, (name, needed) in wanted.items() if needed and key in place.lacks]
    if lacking:
        print(
            f"note: the installation on the board has no {' and no '.join(lacking)}: this account "
            "is not used until it is complete, see docs/provisioning.md (Boards without DTLS)"
        )


def _key(each):
    return "bootstrap" if each.get("bootstrap") else each["short_server_id"]


def _name(each):
    if each.get("bootstrap"):
        return "Bootstrap-Server"
    return f"server {each['short_server_id']}, lifetime {each['lifetime_s']} s"


def _tell(place, account, old, found, lines):
    print(f"{place.shown}: the factory's accounts")
    for each in found:
        print(f"  {_name(each)}: {each['uri']}")
        if _key(each) != account.key:
            continue
        for line in account.lines:
            print(f"    {line}")
        if account.key in old:
            print(f"    in the place of {old[account.key]}")
    for line in lines:
        print("  " + line)


def main(argv):
    if not argv or argv[0] in ("-h", "--help"):
        print(arguments.HELP)
        return 0
    try:
        _provision(arguments.parse(argv))
    except UserError as error:
        print(f"provision: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("provision: interrupted", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
