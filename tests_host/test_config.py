"""config.json: what is taken, and the one line that tells what is wrong."""

import json

from helpers import raises
from scratch import Scratch, write

from firmware import accounts
from firmware.config import ConfigError, load, server_uri
from lwm2m.objects.security import CERTIFICATE, NO_SEC, PSK

GOOD = {"board": "nucleo_f429zi", "endpoint": "my-board", "server": "coap://192.168.1.10"}
NETWORK = {
    "address": "192.168.1.5",
    "mask": "255.255.255.0",
    "gateway": "192.168.1.1",
    "dns": "0.0.0.0",
}


def loaded(settings, provisioned=None):
    with Scratch() as folder:
        write(folder + "/config.json", json.dumps(settings))
        if provisioned:
            accounts.provision(folder, **provisioned)
        return load(folder)


def refused(content, *words):
    """The error text for a file with this content; it is one line with these words."""
    with Scratch() as folder:
        if content is not None:
            write(folder + "/config.json", content)
        error = raises(ConfigError, load, folder)
        line = str(error)
        assert line.startswith(folder + "/config.json: "), line
        assert "\n" not in line and len(line) < 350, line
        for word in words:
            assert word in line, (line, word)
        return line


def changed(**settings):
    new = dict(GOOD)
    new.update(settings)
    return json.dumps(new)


def without(key):
    return json.dumps({name: value for name, value in GOOD.items() if name != key})


def test_the_example_is_good():
    with Scratch() as folder, open("config.example.json") as file:
        write(folder + "/config.json", file.read())
        settings, account_list = load(folder)
        assert settings["board"] == "nucleo_f429zi"
        (account,) = account_list
        assert account["address"] == ("192.168.1.10", 5683)


def test_more_than_a_heap_may_hold():
    refused(changed(endpoint="x" * 3000), "the file is 'long'", "at most 2048 bytes")
    refused("[" * 2000, "the content is ", "config.example.json")
    refused("[" * 20000, "the file is 'long'")


def test_defaults():
    settings, account_list = loaded(GOOD)
    assert settings["measure_s"] == 5 and settings["watchdog_s"] == 0
    assert settings["keep"] is True and settings["send_s"] == 0
    assert settings["queue_mode"] is False and settings["confirmable"] is False
    assert list(settings["objects"]) == []
    (account,) = account_list
    server = account.pop("server")
    assert (server.oid, server.iid, server.short_server_id, server.lifetime_s) == (1, 0, 1, 3600)
    assert account == {
        "uri": "coap://192.168.1.10",
        "mode": NO_SEC,
        "security_iid": None,
        "since": 0,
        "short_server_id": 1,
        "lifetime_s": 3600,
        "access": (),
        "address": ("192.168.1.10", 5683),
        "secure": False,
        "queries": (),
    }


def test_what_is_set():
    more = {"lifetime_s": 60, "measure_s": 1, "watchdog_s": 20, "board": "b_l475e_iot01a"}
    new = dict(GOOD)
    new.update(more)
    settings, account_list = loaded(new)
    for key, value in new.items():
        assert settings[key] == value
    assert account_list[0]["lifetime_s"] == 60
    # A second load does not know of the first.
    assert loaded(GOOD)[0]["measure_s"] == 5


def test_edges_that_are_good():
    for key, value in (
        ("lifetime_s", 1),
        ("lifetime_s", 0x7FFFFFFF),
        ("measure_s", 1),
        ("measure_s", 86400),
        ("send_s", 0),
        ("send_s", 86400),
        ("keep", False),
        ("queue_mode", True),
        ("confirmable", True),
        ("objects", []),
        ("watchdog_s", 0),
        ("watchdog_s", 16),
        ("watchdog_s", 32),
        ("endpoint", "a"),
        ("endpoint", "x" * 64),
        ("endpoint", "urn:dev:os:0023C7-000001_2.a"),
    ):
        new = dict(GOOD)
        new[key] = value
        assert loaded(new)[0][key] == value


def test_network():
    new = dict(GOOD)
    new["hostname"] = "kit-1"
    new["network"] = dict(NETWORK)
    settings, _ = loaded(new)
    assert settings["hostname"] == "kit-1"
    assert settings["network"] == ("192.168.1.5", "255.255.255.0", "192.168.1.1", "0.0.0.0")
    for ntp, expected in (
        ("", ""),
        (None, ""),
        ("pool.ntp.org", ("pool.ntp.org", 123)),
        ("192.168.1.1:1123", ("192.168.1.1", 1123)),
        ("[fd00::1]", ("fd00::1", 123)),
    ):
        new["ntp"] = ntp
        assert loaded(new)[0]["ntp"] == expected


def test_an_address_by_hand_has_four_parts():
    for key in sorted(NETWORK):
        for value in (
            None,
            7,
            "",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "1.2.3.x",
            "1.2.3.\u00b2",
            [],
        ):
            network = dict(NETWORK)
            network[key] = value
            refused(changed(network=network), "network." + key + " is ", "an IPv4 address")
        network = dict(NETWORK)
        del network[key]
        refused(changed(network=network), "network." + key + " is None", "an IPv4 address")
    network = dict(NETWORK)
    network["netmask"] = "255.255.255.0"
    refused(changed(network=network), "network is a dict", "address, mask, gateway and dns")


def test_the_provisioned_account_counts():
    later = {"uri": "coap://[fd00::1]:1", "short_server_id": 5, "lifetime_s": 77}
    for settings in (GOOD, json.loads(without("server"))):
        _, (account,) = loaded(settings, later)
        assert account["address"] == ("fd00::1", 1)
        assert (account["short_server_id"], account["lifetime_s"]) == (5, 77)


def test_an_object_to_add():
    import sys

    class Module:
        def add(self, table, app):
            pass

    sys.modules["firmware.objects.extra"] = Module()
    try:
        assert loaded(json.loads(changed(objects=["extra"])))[0]["objects"] == ["extra"]
        refused(changed(objects=["extra", "extra"]), "objects is 'extra'", "each once")
    finally:
        del sys.modules["firmware.objects.extra"]
    for value in ("extra", 5, None, True, {"a": 1}):
        refused(changed(objects=value), "objects is ", "a list of names")
    # temperature is there, but nothing that adds itself.
    for name in ("nothing", "temperature", "", "../app", "a.b", "_x", 5, None, [], {}, "x" * 99):
        refused(changed(objects=[name]), "objects is ", "firmware/objects that have add()")


def test_values_that_are_refused():
    table = [
        # key, values, words of the expectation
        (
            "board",
            (None, 5, True, "", "xyz", "../app", "boards.x", "__init__", "_x", [], {}, "a b"),
            "firmware/boards",
        ),
        ("keep", (None, 0, 1, "true", [], {}), "true or false"),
        ("queue_mode", (None, 0, 1, "true", [], {}), "true or false"),
        ("confirmable", (None, 0, 1, "true", [], {}), "true or false"),
        ("send_s", (None, True, -1, 86401, 1.5, "5", [], {}), "0 to 86400"),
        (
            "endpoint",
            (None, 1, "", "x" * 65, "a b", 'a"b', "a\nb", "a/b", "a?b", "\u00e4", ["a"], {}, True),
            "1 to 64 letters, digits",
        ),
        ("server", (None, 7, "", "x", ["coap://a"], {"uri": "coap://a"}), "coap://host:port"),
        ("watchdog_s", (1, 8, 15), "0 for off, or at least 16"),
        ("network", (True, 1, "dhcp", [], ["192.168.1.5"]), "address, mask, gateway and dns"),
        (
            "hostname",
            (True, 1, "", "x" * 33, "a.b", "a_b", "-a", "a-", "a b", "\u00e4", [], {}),
            "1 to 32 letters, digits or -",
        ),
        (
            "ntp",
            (True, 1, 0, False, "a b", "a/b", "n:0", "n:65536", "n:", "u@n", "x" * 300, [], {}),
            "host or host:port",
        ),
    ]
    for key, low, high in (
        ("lifetime_s", 1, 0x7FFFFFFF),
        ("measure_s", 1, 86400),
        ("watchdog_s", 0, 32),
    ):
        values = (low - 1, high + 1, -5, 1.5, 10.0, "10", None, True, False, [], {}, 10**30)
        table.append((key, values, "a whole number from %d to %d" % (low, high)))
    for key, values, expected in table:
        for value in values:
            line = refused(changed(**{key: value}), key + " is ", expected)
            if isinstance(value, (int, float)) or value is None:
                assert " is %r, " % (value,) in line, line
            elif isinstance(value, str) and 0 < len(value) < 30 and value.isalpha():
                assert repr(value) in line or value > "~", line


def test_a_server_with_dtls_is_provisioned():
    for uri in ("coaps://host", "coaps://host:5684?aid=X"):
        refused(changed(server=uri), "server is '%s'" % uri, "make provision")
        _, (account,) = loaded(json.loads(without("server")), {"uri": uri, "mode": PSK})
        assert account["address"] == ("host", 5684)
        assert account["mode"] == PSK and account["security_iid"] == 0


def test_queries():
    _, (account,) = loaded(dict(GOOD, server="coap://host?aid=X&b=c:d"))
    assert account["queries"] == ("aid=X", "b=c:d")
    settings, (account,) = loaded(dict(GOOD, queries=["d=0123", "x"]))
    assert settings["queries"] == ["d=0123", "x"] and account["queries"] == ()
    assert loaded(GOOD)[0]["queries"] == ()
    for value in ("d=1", 5, {}, [5], [""], ["a&b"], ["a b"], ["x" * 256], ["\u00e4"], [["a"]]):
        refused(changed(queries=value), "queries is ", "d=ACCOUNT")


def test_the_clock_is_as_late_as_the_accounts():
    known = accounts.now_s
    late = []

    class Machine:
        class RTC:
            def datetime(self, when):
                late.append(when)

    import sys

    before = sys.modules.get("machine")
    sys.modules["machine"] = Machine
    try:
        with Scratch() as folder:
            write(folder + "/config.json", changed())
            accounts.provision(folder, uri="coap://a", bootstrap=True)
            load(folder)
            assert late == []
            accounts.now_s = lambda: 86400 * 365 * 60  # December 2029
            accounts.provision(folder, uri="coap://a")
            load(folder)
            assert late == []  # nobody asks for it
            accounts.provision(folder, uri="coaps://a", mode=CERTIFICATE)
            accounts.now_s = known
            load(folder)
            assert [each[:4] for each in late] == [(2029, 12, 17, 1)]
    finally:
        accounts.now_s = known
        if before is None:
            del sys.modules["machine"]
        else:
            sys.modules["machine"] = before


def test_what_is_missing():
    refused(without("board"), "board is None")
    refused(without("endpoint"), "endpoint is None")
    refused(without("server"), "server is None", "provisioned")
    refused(None, "file", "missing", "config.example.json")


def test_unknown_keys():
    for key in ("Board", "psk_key", "", "lifetime", "board "):
        line = refused(changed(**{key: "s3cret"}), repr(key), "lifetime_s", "watchdog_s")
        assert "s3cret" not in line


def test_what_is_no_json():
    for content in (
        "",
        " ",
        "{",
        '{"board": "nucleo_f429zi"',
        "board: nucleo_f429zi",
        "{'board': 'nucleo_f429zi'}",
        '{"board": nucleo}',
        changed() + "x",
        b"\xff\xfe{}",
        b'{"board": "\xff"}',
        b"\0" * 100,
        '{"measure_s": NaN',
    ):
        refused(content, "the content", "config.example.json")


def test_json_that_is_no_object():
    for content in ('"s3cret"', '["s3cret"]', "5", "null", "true", '[{"psk": "s3cret"}]'):
        line = refused(content, "the content", "config.example.json")
        assert "s3cret" not in line


def test_no_credential_is_shown():
    for content in (
        changed(server="coap://user:s3cret@host"),
        changed(server="coap://s3cret@host:5683/x"),
        changed(server={"psk": "s3cret"}),
        changed(endpoint=["s3cret"]),
        changed(board={"key": "s3cret"}),
        changed(measure_s={"key": "s3cret"}),
        changed(psk="s3cret"),
    ):
        assert "s3cret" not in refused(content)
    with Scratch() as folder:
        write(folder + "/config.json", changed())
        accounts.provision(folder, uri="coap://user:s3cret@host")
        line = str(raises(ConfigError, load, folder))
        assert "s3cret" not in line and "server" in line


def test_long_values_are_cut():
    for key in ("board", "endpoint", "server"):
        refused(changed(**{key: "y" * 1500}), key + " is 'yyyyy", "...")
    refused('{"%s": 1}' % ("z" * 1500), "the key is 'zzzzz", "...")


def test_uris_that_are_good():
    for uri, address in (
        ("coap://host", ("host", 5683)),
        ("coap://host/", ("host", 5683)),
        ("coap://host:1", ("host", 1)),
        ("coap://host:65535/", ("host", 65535)),
        ("coap://192.168.1.10:5683", ("192.168.1.10", 5683)),
        ("coap://my-board.local", ("my-board.local", 5683)),
        ("coap://[::1]", ("::1", 5683)),
        ("coap://[fe80::1%eth0]:5685", ("fe80::1%eth0", 5685)),
        ("coap://[fd00::1]/", ("fd00::1", 5683)),
        ("coaps://host", ("host", 5684)),
        ("coaps://host:5684?aid=0123abcd", ("host", 5684)),
        ("coaps://[::1]/?a=b&c", ("::1", 5684)),
        ("coap://host?x=1", ("host", 5683)),
    ):
        assert server_uri(uri) == address, uri


def test_uris_that_are_refused():
    for uri in (
        "",
        "host",
        "//host",
        "coap:host",
        "coap:/host",
        "coap://",
        "coap:///",
        "coap://:5683",
        "http://host",
        "coap+tcp://host",
        "coap://host:",
        "coap://host:0",
        "coap://host:65536",
        "coap://host:-1",
        "coap://host:+1",
        "coap://host: 1",
        "coap://host:1x",
        "coap://host:123456",
        "coap://host:5683:1",
        "coap://host/path",
        "coap://host?",
        "coap://host?a=b&",
        "coap://host?a=%20",
        "coap://host?a b",
        "coap://host?a#b",
        "coap://host?a?b",
        "coap://host/path?a=b",
        "coap://host#x",
        "coaps+tcp://host",
        "coaps:///?a",
        "coap://user@host",
        "coap://ho st",
        "coap://host\n",
        "coap://h\0st",
        "coap://h\u00f6st",
        "coap://[::1",
        "coap://::1",
        "coap://[]",
        "coap://[::1]5683",
        "coap://[::1]:",
        "coap://[::1]:x",
        "coap://[::1]x:5",
        "coap://[::g]x",
        "coap://" + "h" * 250,
        None,
        5,
        b"coap://host",
    ):
        error = raises(ValueError, server_uri, uri)
        assert "coap://host" in str(error), uri
