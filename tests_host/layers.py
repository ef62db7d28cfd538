"""Which device file may import and name what: the one-way order of the code, as a table.

`errors()` reads the files; `python tests_host/layers.py` prints what it finds and exits 1.
"""

import os
import sys

_PURE = "binascii hashlib json micropython struct"
_BOARD = _PURE + " errno gc machine network os sys time"

# A module and all below it | what it may import of ours | and of MicroPython. The longest row
# that fits counts, so the order here is for readers: from what knows least to what knows all.
RULES = (
    ("coap.numbers", "", ""),
    ("coap.message", "", _PURE),
    ("coap.duplicates", "coap.message", _PURE),
    ("coap.block", "coap.cutting coap.message", _PURE),
    ("coap.cutting", "coap.message", _PURE),
    ("coap.upload", "coap.block coap.message", _PURE),
    ("coap.endpoint", "coap", _PURE),
    ("coap.download", "coap.block coap.endpoint coap.message", _PURE),
    ("lwm2m.object", "coap.message", _PURE),
    ("lwm2m.formats", "coap.message lwm2m.object lwm2m.formats", _PURE),
    ("lwm2m.objects", "coap.message lwm2m.object", _PURE),
    ("lwm2m.objects.device", "coap.message lwm2m.object", "micropython re"),
    ("lwm2m.access", "lwm2m.object", _PURE),
    ("lwm2m.attributes", "coap.message lwm2m.formats", _PURE),
    ("lwm2m.read", "coap.message lwm2m.object lwm2m.formats", _PURE),
    ("lwm2m.stream", "coap.message lwm2m.object lwm2m.streamed", _PURE),
    ("lwm2m.streamed", "coap.message", _PURE),
    ("lwm2m.write", "coap.message lwm2m.object lwm2m.formats", _PURE),
    ("lwm2m.arguments", "coap.message", _PURE),
    ("lwm2m.create", "coap.message lwm2m.access lwm2m.formats lwm2m.write", _PURE),
    ("lwm2m.composite", "coap.message lwm2m.formats lwm2m.read lwm2m.write", _PURE),
    ("lwm2m.formats.link", "coap.message lwm2m.attributes lwm2m.read", _PURE),
    (
        "lwm2m.observe",
        "coap.message lwm2m.attributes lwm2m.composite lwm2m.read",
        _PURE,
    ),
    ("lwm2m.retry", "coap.message", _PURE),
    ("lwm2m.queue_mode", "", _PURE),
    ("lwm2m.registration", "lwm2m.retry", _PURE),
    ("lwm2m.send", "lwm2m.composite", _PURE),
    (
        "lwm2m.operations",
        "coap.block coap.message lwm2m.attributes lwm2m.formats lwm2m.object"
        " lwm2m.read lwm2m.write lwm2m.create lwm2m.composite lwm2m.arguments",
        _PURE,
    ),
    (
        "lwm2m.session",
        "coap.endpoint lwm2m.access lwm2m.observe lwm2m.operations lwm2m.queue_mode"
        " lwm2m.registration lwm2m.send lwm2m.stream",
        _PURE,
    ),
    ("lwm2m.drafts", "coap.message", _PURE),
    (
        "lwm2m.draft_write",
        "coap.message lwm2m.access lwm2m.formats lwm2m.object lwm2m.objects lwm2m.write",
        _PURE,
    ),
    (
        "lwm2m.bootstrap",
        "coap.endpoint coap.message lwm2m.draft_write lwm2m.drafts lwm2m.object lwm2m.read"
        " lwm2m.write",
        _PURE,
    ),
    ("lwm2m.client", "lwm2m.attributes lwm2m.session", _PURE),
    ("lwm2m.state", "lwm2m.access lwm2m.registration", _PURE),
    (
        "lwm2m.restore",
        "lwm2m.access lwm2m.attributes lwm2m.object lwm2m.observe lwm2m.registration",
        _PURE,
    ),
    ("coap.__init__", "", ""),
    ("lwm2m.__init__", "", ""),
    ("firmware.__init__", "firmware", "gc micropython sys"),
    ("firmware.drivers", "firmware.drivers", _BOARD),
    ("firmware.boards", "firmware.drivers firmware.lan firmware.wifi", _BOARD),
    ("firmware.lan", "", "errno micropython os socket"),
    ("firmware.objects.output", "coap.message lwm2m.object", "asyncio micropython"),
    ("firmware.objects", "coap.message lwm2m.arguments lwm2m.object lwm2m.objects", _PURE + " gc"),
    ("firmware.objects.diagnosis", "firmware.__init__ lwm2m.object", ""),
    (
        "firmware.objects.event_log",
        "coap.message firmware.__init__ lwm2m.arguments lwm2m.object",
        "micropython",
    ),
    ("firmware.storage", "", _PURE + " errno os"),
    ("firmware.package", "", _PURE),
    ("firmware.signature", "firmware.package", _PURE),
    ("firmware.description", "firmware.package", _PURE),
    ("firmware.requirements", "firmware.package firmware.version", _PURE + " sys"),
    ("firmware.contents", "firmware.package", _PURE),
    ("firmware.update_key", "firmware.storage", "micropython"),
    ("firmware.slots", "firmware.slot_head firmware.storage", _PURE + " os sys"),
    ("firmware.slot_head", "", _PURE),
    ("firmware.confirmation", "firmware.__init__", "asyncio micropython"),
    ("firmware.version", "", ""),
    ("firmware.update", "firmware.__init__ lwm2m.objects", "micropython os tls"),
    ("firmware.states", "firmware.__init__", "micropython time"),
    ("firmware.update_record", "firmware.__init__", "json"),
    ("firmware.install", "firmware.__init__", "asyncio json micropython"),
    ("firmware.switch", "firmware.__init__", "micropython"),
    (
        "firmware.arrival",
        "coap.message firmware.__init__ firmware.incoming firmware.version",
        "asyncio micropython os",
    ),
    ("firmware.inspection", "coap.message firmware.__init__", "asyncio micropython"),
    ("firmware.incoming", "coap.message firmware.__init__", "asyncio micropython"),
    ("firmware.pull", "coap.message firmware.__init__", "asyncio errno micropython"),
    ("firmware.access_point", "firmware.storage", "micropython"),
    ("firmware.wifi", "firmware.__init__", "asyncio errno gc micropython"),
    ("firmware.wifi_join", "firmware.access_point", "errno micropython"),
    ("firmware.wifi_link", "firmware.wifi", "errno micropython os"),
    ("firmware.credentials", "", "errno micropython sys tls"),
    ("firmware.fault", "", "errno gc micropython"),
    ("firmware.handshake", "firmware.__init__", "asyncio errno micropython time"),
    ("firmware.dtls", "firmware.__init__", "errno gc io micropython time"),
    (
        "firmware.connection",
        "lwm2m.registration",
        "asyncio errno micropython select",
    ),
    (
        "firmware.fetch",
        "coap.download coap.endpoint coap.message firmware.__init__ firmware.dtls",
        "asyncio errno micropython os time",
    ),
    (
        "firmware.secure",
        "firmware.__init__ firmware.connection firmware.dtls",
        "asyncio errno micropython",
    ),
    ("firmware.console", "firmware.__init__", "sys"),
    ("firmware.line", "firmware.__init__", "micropython sys"),
    (
        "firmware.trace",
        "coap.message firmware.connection lwm2m.formats lwm2m.object",
        "micropython",
    ),
    (
        "firmware.look",
        "firmware.__init__ coap.message lwm2m.object lwm2m.read lwm2m.write",
        "micropython",
    ),
    (
        "firmware.repl",
        "firmware.__init__ firmware.app firmware.connection coap.message",
        "__main__ micropython sys",
    ),
    ("firmware.status", "firmware.__init__", "micropython time"),
    (
        "firmware.events",
        "firmware.storage firmware.version lwm2m.registration",
        "io machine micropython os struct sys time",
    ),
    ("firmware.ntp", "", "asyncio machine micropython os time"),
    ("firmware.network_settings", "", ""),
    ("firmware.late", "lwm2m.object", "os sys"),
    (
        "firmware.device",
        "firmware.__init__ firmware.version lwm2m.objects.device",
        _BOARD,
    ),
    ("firmware.version", "", ""),
    ("firmware.objects.statistics", "firmware.connection lwm2m.object", "micropython"),
    (
        "firmware.objects.portfolio",
        "firmware.__init__ coap.message lwm2m.object",
        "binascii machine micropython sys",
    ),
    ("firmware.written", "coap.message firmware.storage", "json micropython"),
    (
        "firmware.account_list",
        "firmware.storage lwm2m.access lwm2m.objects",
        _PURE + " machine os",
    ),
    (
        "firmware.accounts",
        "firmware.account_list lwm2m.objects",
        _PURE + " machine time",
    ),
    (
        "firmware.config",
        "firmware.account_list firmware.accounts firmware.boards firmware.network_settings"
        " firmware.settings lwm2m.objects.server",
        _PURE + " ntptime os sys",
    ),
    (
        "firmware.attempt",
        "firmware.__init__ firmware.connection firmware.secure lwm2m.bootstrap",
        "asyncio micropython",
    ),
    (
        "firmware.bootstrapping",
        "firmware.__init__ firmware.account_list firmware.accounts firmware.config"
        " firmware.connection",
        "gc micropython",
    ),
    (
        "firmware.settings",
        "coap.message firmware.__init__ firmware.storage firmware.trace lwm2m.object",
        "json micropython",
    ),
    ("firmware.keep", "coap lwm2m firmware.storage", _BOARD),
    (
        "firmware.connections",
        "firmware.__init__ firmware.connection firmware.secure lwm2m.access",
        "asyncio errno micropython",
    ),
    ("firmware.parts", "firmware lwm2m", "asyncio binascii machine os sys time"),
    ("firmware.modules", "coap lwm2m firmware", "gc micropython os"),
    ("firmware.app", "coap lwm2m firmware", _BOARD + " asyncio select"),
    ("copies", "", _BOARD + " binascii deflate vfs"),
    ("boot", "copies", "os sys"),
    ("trial", "copies", _BOARD + " io"),
    ("main", "copies firmware trial", "machine sys time"),
)

_OURS = ("coap", "lwm2m", "firmware", "boot", "copies", "main", "trial")
# What only boards and drivers name; a pin's own name is looked for as well.
_HARDWARE = ("Pin", "I2C", "SoftI2C", "SPI", "SoftSPI", "UART", "PWM", "ADC")
# The only function that may use asyncio's own queue of streams.
_QUEUE_FILE = "firmware/connection.py"
# The only module that may evaluate: what someone has typed.
_EVALUATES = "firmware.repl"
# The only module that may ask what MicroPython it runs on: a package is for one or not.
_ASKS = "firmware.requirements"


def device_files(root="."):
    """Paths of all files that run on the board, below `root`.

    firmware/manifest.py does not: MicroPython's build reads it.
    """
    found = ["boot.py", "copies.py", "main.py", "trial.py"]
    folders = ["lib", "firmware"]
    while folders:
        folder = folders.pop()
        for name in sorted(os.listdir(root + "/" + folder)):
            path = folder + "/" + name
            if os.stat(root + "/" + path)[0] & 0x4000:
                if name != "__pycache__":
                    folders.append(path)
            elif name.endswith(".py") and path != "firmware/manifest.py":
                found.append(path)
    return found


def errors(root="."):
    """Lines of text, one for each broken rule: file, line and rule."""
    files = device_files(root)
    modules = [module_name(path) for path in files]
    found = []
    queue_users = []
    for path in files:
        with open(root + "/" + path) as file:
            lines = code_lines(file.read())
        found += check(path, lines, modules)
        queue_users += [(path, name) for name in queue_functions(lines)]
    if len(queue_users) > 1 or queue_users and queue_users[0][0] != _QUEUE_FILE:
        where = ", ".join([path + " " + name for path, name in queue_users])
        found.append(
            "%s: asyncio's _io_queue belongs in one function of it: %s" % (_QUEUE_FILE, where)
        )
    return found


def module_name(path):
    """lib/coap/message.py is coap.message, lib/coap/__init__.py is coap.__init__."""
    return (path[4:] if path.startswith("lib/") else path)[:-3].replace("/", ".")


def check(path, lines, modules):
    """Errors of one file; `lines` as `code_lines()` gives them, `modules` all there are."""
    name = module_name(path)
    rule = None
    for row in RULES:
        if _within(name, row[0]) and (rule is None or len(row[0]) > len(rule[0])):
            rule = row
    if rule is None:
        return ["%s: no rule for this file: add one to RULES in tests_host/layers.py" % path]
    found = []
    # The names of two pins come from a file there.
    knows_pins = name == "copies" or name.startswith(("firmware.boards.", "firmware.drivers."))
    for number, line in lines:
        at = "%s:%d: " % (path, number)
        for imported in imports(line, modules):
            if imported is None:
                found.append(at + "an import that cannot be read; write it on a line of its own")
            elif imported.split(".")[0] in _OURS:
                if not any([_within(imported, allowed) for allowed in rule[1].split()]):
                    allowed = rule[1] or "nothing of ours"
                    found.append(
                        at + "%s imports %s, may import %s" % (rule[0], imported, allowed)
                    )
            elif imported.split(".")[0] not in rule[2].split():
                allowed = rule[2] or "no module"
                found.append(at + "%s imports %s, may import %s" % (rule[0], imported, allowed))
        words = _words(_bare(line))
        if "assert" in words:
            found.append(at + "assert: wire data is checked with if ... raise")
        if "implementation" in words and name != _ASKS:
            found.append(at + "sys.implementation: device code is the same everywhere")
        for word in ("exec", "eval", "execfile", "importlib"):
            if word in words and name != _EVALUATES:
                found.append(at + word + ": hides what it imports")
        if not knows_pins:
            named = [word for word in words if word in _HARDWARE]
            named += [word for word in _words(line) if _is_pin(word)]
            for word in named:
                found.append(at + "%s: only boards and drivers know pins and buses" % word)
    return found


def _within(name, parent):
    return name == parent or name.startswith(parent + ".")


def _is_pin(word):
    # PD14, PB0
    return len(word) in (3, 4) and word[0] == "P" and "A" <= word[1] <= "K" and word[2:].isdigit()


def _bare(line):
    """The line with nothing in its strings."""
    return '""'.join(line.split('"')[::2])


def _words(line):
    word = ""
    words = []
    for letter in line + " ":
        if letter.isalpha() or letter.isdigit() or letter == "_":
            word += letter
        elif word:
            words.append(word)
            word = ""
    return words


def imports(line, modules):
    """The modules that a line imports; None for an import in a form that is not read here."""
    words = line.split()
    if words[:1] == ["import"]:
        return [_module(part.split()[0], modules) for part in line.strip()[7:].split(",")]
    if words[:1] == ["from"] and words[2:3] == ["import"]:
        found = []
        for part in line.split(" import ", 1)[1].strip(" ()").split(","):
            if part.strip():
                full_name = words[1] + "." + part.split()[0]
                known = full_name in modules or _is_package(full_name, modules)
                found.append(_module(full_name if known else words[1], modules))
        return found
    # Names in strings are for __import__(): of one module, or the beginning of several.
    found = [name for name in line.split('"')[1::2] if name in modules]
    if "__import__" in _words(_bare(line)):
        literal = line.split("__import__", 1)[1][1:]
        if literal[:1] == '"':
            return [literal[1:].split('"')[0].rstrip(".") or None]
        if literal[:5] != "name)":
            return [None]
    return [None] if "import" in _words(_bare(line)) else found


def _module(name, modules):
    # A package that is named alone stands for its __init__.py.
    return name + ".__init__" if _is_package(name, modules) else name


def _is_package(name, modules):
    return any([module.startswith(name + ".") for module in modules])


def queue_functions(lines):
    """Names of the functions that use `_io_queue`."""
    found = []
    function = "the module"
    for _, line in lines:
        words = line.split()
        if words[:1] == ["def"] or words[:2] == ["async", "def"]:
            function = line.split("def ", 1)[1].split("(")[0]
        if "_io_queue" in _words(line) and function not in found:
            found.append(function)
    return found


def code_lines(text):
    """(number, line) without comments and docstrings; lines joined where brackets are open.

    All strings are in double quotes and hold none.
    """
    found = []
    quote = ""  # of the string that is open
    depth = 0  # of brackets
    line = ""
    start = number = 1
    at = 0
    while at < len(text):
        letter = text[at]
        if letter == "\n":
            number += 1
        if quote:
            if letter == "\\":
                at += 2
                continue
            if text.startswith(quote, at):
                line += '"'
                at += len(quote)
                quote = ""
                continue
            if len(quote) == 1:
                line += "'" if letter == '"' else letter
        elif letter in "\"'":
            quote = letter * 3 if text.startswith(letter * 3, at) else letter
            line += '"'
            at += len(quote)
            continue
        elif letter == "#":
            while text[at : at + 1] not in ("", "\n"):
                at += 1
            continue
        elif letter == "\n" and not depth:
            if line.strip():
                found.append((start, line))
            line = ""
            start = number
        else:
            depth += (letter in "([{") - (letter in ")]}")
            line += " " if letter == "\n" else letter
        at += 1
    if line.strip():
        found.append((start, line))
    return found


if __name__ == "__main__":
    broken = errors()
    for text in broken:
        print(text)
    sys.exit(1 if broken else 0)
