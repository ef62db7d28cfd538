"""The one-way order of the device code, and that what looks after it sees every way round it."""

import layers

MODULES = ("coap.message", "coap.endpoint", "coap.__init__", "lwm2m.client", "lwm2m.__init__")
MODULES += ("lwm2m.formats.__init__", "lwm2m.formats.link", "lwm2m.object", "firmware.__init__")
MODULES += ("firmware.app", "firmware.config", "firmware.drivers.servo", "firmware.storage")


def errors(path, text):
    return layers.check(path, layers.code_lines(text), MODULES)


def test_the_device_code_keeps_its_order():
    found = layers.errors()
    assert not found, "\n".join(found)


def test_all_device_files_are_read():
    files = layers.device_files()
    for path in ("boot.py", "main.py", "lib/coap/message.py", "lib/lwm2m/formats/tlv.py"):
        assert path in files
    for path in ("firmware/app.py", "firmware/boards/nucleo_f429zi.py", "firmware/storage.py"):
        assert path in files
    assert not [path for path in files if "tests" in path or "tools" in path]


def test_every_rule_is_of_use():
    modules = [layers.module_name(path) for path in layers.device_files()]
    for name, ours, others in layers.RULES:
        assert [each for each in modules if layers._within(each, name)], name
        for each in (ours + " " + others).split():
            assert "." not in each or [m for m in modules if layers._within(m, each)], (name, each)


def test_what_breaks_a_rule_is_found():
    table = (
        # file, text, words of the error, its line
        ("lib/coap/message.py", "import time", "coap.message imports time", 1),
        ("lib/coap/message.py", "import struct, os as o", "imports os", 1),
        ("lib/coap/message.py", "import lwm2m.client", "imports lwm2m.client", 1),
        ("lib/coap/message.py", "from coap import endpoint", "imports coap.endpoint", 1),
        ("lib/coap/endpoint.py", "from lwm2m import object", "imports lwm2m.object", 1),
        ("lib/coap/endpoint.py", "x = 1\n\ndef f():\n    import socket\n", "imports socket", 4),
        ("lib/coap/new.py", "", "no rule for this file", None),
        ("lib/lwm2m/object.py", "from coap.endpoint import Endpoint", "imports coap.endpoint", 1),
        ("lib/lwm2m/client.py", "from firmware import VERSION", "firmware.__init__", 1),
        ("lib/lwm2m/client.py", "from firmware import config", "firmware.config", 1),
        ("lib/lwm2m/formats/tlv.py", "from lwm2m import client", "imports lwm2m.client", 1),
        ("lib/lwm2m/read.py", "import asyncio.core", "imports asyncio.core", 1),
        (
            "lib/lwm2m/read.py",
            "from lwm2m.client import (\n    Client,\n    Session,\n)\n",
            "imports lwm2m.client",
            1,
        ),
        ("firmware/drivers/servo.py", "from lwm2m.object import Object", "lwm2m.object", 1),
        ("firmware/drivers/servo.py", "from firmware.app import App", "firmware.app", 1),
        ("firmware/boards/new.py", "import firmware.app", "firmware.app", 1),
        ("firmware/objects/led.py", "from firmware.app import App", "firmware.app", 1),
        ("firmware/objects/led.py", "import machine", "imports machine", 1),
        ("firmware/storage.py", "from firmware import config", "firmware.config", 1),
        ("boot.py", "from firmware import app", "firmware.app", 1),
        # All other ways to import
        ("lib/coap/message.py", 'x = __import__("os")', "imports os", 1),
        ("lib/lwm2m/read.py", '__import__("lwm2m.client" + x)', "imports lwm2m.client", 1),
        ("lib/lwm2m/read.py", "__import__(x)", "cannot be read", 1),
        ("lib/lwm2m/read.py", "f = __import__", "cannot be read", 1),
        ("lib/lwm2m/read.py", 'for name in ("lwm2m.client",):\n  __import__(name)', "client", 1),
        ("lib/lwm2m/read.py", "if x: import os", "cannot be read", 1),
        ("lib/lwm2m/read.py", "a = 1; import os", "cannot be read", 1),
        ("lib/lwm2m/read.py", "exec(x)", "exec", 1),
        ("lib/lwm2m/read.py", "import importlib", "importlib", 1),
        # What is not to be named
        ("lib/lwm2m/read.py", "def f():\n    assert x", "assert", 2),
        ("lib/lwm2m/read.py", "x = sys.implementation.name", "sys.implementation", 1),
        ("firmware/app.py", 'x = machine.Pin("X")', "Pin: only boards", 1),
        ("firmware/app.py", 'x = "PD14"', "PD14: only boards", 1),
        ("firmware/app.py", "x = 'PB0'", "PB0: only boards", 1),
        ("firmware/objects/led.py", "x = f(I2C)", "I2C: only boards", 1),
        ("main.py", 'x = """\n"""\nx = "PD14"', "PD14", 3),
    )
    for path, text, expected, line in table:
        found = errors(path, text)
        assert len(found) >= 1, (path, text)
        assert expected in found[0], (found, expected)
        at = path + ": " if line is None else "%s:%d: " % (path, line)
        assert found[0].startswith(at), (found, at)


def test_what_keeps_the_rules_is_left_alone():
    table = (
        ("lib/coap/message.py", '"""\nimport os\nfrom the wire\nassert\n"""\nimport struct'),
        ("lib/coap/message.py", "# import os, assert, sys.implementation\nimport json  # os"),
        ("lib/coap/message.py", 'x = "assert this; import that"'),
        ("lib/coap/message.py", 'x = \'say "import"\'\ny = "\\"import\\""'),
        ("lib/coap/message.py", "important = reassert = implementation_ = 1"),
        ("lib/lwm2m/session.py", "from coap.endpoint import IDLE_MS, Endpoint"),
        ("lib/lwm2m/formats/__init__.py", 'x = __import__("lwm2m.formats." + name).formats'),
        ("firmware/app.py", "from firmware import VERSION, console\nimport asyncio"),
        ("firmware/app.py", 'x = "no I2C here"\nGPIO = SPI_ = PX1 = 0'),
        ("firmware/drivers/servo.py", "def f():\n    from machine import PWM\n    import time"),
        ("firmware/boards/new.py", 'from machine import Pin\nx = Pin("PD14")'),
    )
    for path, text in table:
        assert errors(path, text) == [], (path, text)


def test_the_queue_of_asyncio_has_one_user():
    text = """
class A:
    async def f(self):
        "_io_queue"
        core._io_queue.a()  # once
        core._io_queue.b()

def g():
    yield core._io_queue
"""
    assert layers.queue_functions(layers.code_lines(text)) == ["f", "g"]
    assert layers.queue_functions(layers.code_lines("x = core._io_queue")) == ["the module"]
    with open("firmware/connection.py") as file:
        assert len(layers.queue_functions(layers.code_lines(file.read()))) == 1
