"""The commands of the live view."""

HELP = (
    "servo 0.25    move the servo (0..1)",
    "temp 24.5     change the simulated temperature",
    "press         press the user button",
    "key i         type a key on the serial console (i r or any other)",
    "read /3/0     read a path from the board",
    "quit          end (Ctrl-C does the same)",
)


class Unknown(Exception):
    """The line is no command; the text says why."""


def _number(words, low, high):
    try:
        value = float(words[1])
    except (IndexError, ValueError):
        raise Unknown("%s needs a number, like: %s 0.5" % (words[0], words[0]))
    if not low <= value <= high:
        raise Unknown("%s: expected %g..%g" % (words[0], low, high))
    return value


async def _read(session, path):
    response = await session.read(path)
    if response.success:
        for line in _values("/" + path.strip("/"), response.to_json()["content"]):
            session.state.log(line)
    else:
        text = response.status + (": " + response.error if response.error else "")
        session.state.log("%s = %s" % (path, text))


def _values(path, content):
    # One line for each value: a whole object would be wider than any screen.
    kind = content["kind"]
    if kind == "singleResource":
        yield "%s = %s" % (path, content["value"])
    elif kind == "multiResource":
        for riid, value in content["values"].items():
            yield "%s/%s = %s" % (path, riid, value)
    elif kind == "resourceInstance":
        yield "%s = %s" % (path, content["value"])
    else:
        for below in content.get("instances") or content.get("resources") or ():
            yield from _values("%s/%s" % (path, below["id"]), below)


async def _move(session, position):
    response = await session.move_servo(position)
    if not response.success:
        session.state.log("the board refuses: %s" % response.status)


def perform(session, line):
    """Does what a typed line says; False means quit. Errors: Unknown."""
    words = line.split()
    if not words:
        return True
    name = words[0]
    if name in ("quit", "q", "exit"):
        return False
    if name == "help":
        for text in HELP:
            session.state.log(text)
    elif name == "servo":
        session.background(_move(session, _number(words, 0, 1)))
    elif name == "temp":
        # the range of both sensors together
        session.board.world(temperature=_number(words, -40, 120))
    elif name == "press":
        session.state.log("button pressed")
        session.background(session.press())
    elif name == "key":
        if len(words) != 2 or len(words[1]) != 1:
            raise Unknown("key needs one character, like: key i")
        session.board.world(key=words[1])
    elif name == "read":
        if len(words) != 2:
            raise Unknown("read needs a path, like: read /3303/0")
        session.background(_read(session, words[1]))
    else:
        raise Unknown("%s is no command; help lists them" % name)
    return True
