"""LwM2M v1.1 Test Object (3442): a resource of every type, for interoperability tests.

Not on a board unless its configuration asks for it. A server may create and delete instances.
"""

from lwm2m.object import Object

# By type: what "Clear values" leaves
_EMPTY = {
    "s": "",
    "i": 0,
    "u": 0,
    "f": 0.0,
    "b": False,
    "o": b"",
    "t": 0,
    "l": (65535, 65535),  # a link to nothing
    "c": "",
}


class Interoperability(Object):
    """Every value may be written. `app.client.random(n)` returns n random bytes.

    The defaults are the initial values that the object's description demands.
    """

    oid = 3442
    resources = (
        (0, "E", "", "reset"),  # Reset values
        (1, "E", "", "randomize"),  # Randomize values
        (2, "E", "", "empty"),  # Clear values
        (3, "E", "", "execute"),  # Exec With Arguments
        (4, "R", "s[]", "arguments"),  # Arguments List
        (110, "RW", "s", "string"),  # String Value
        (120, "RW", "i", "integer"),  # Integer Value
        (125, "RW", "u", "unsigned"),  # Unsigned Integer Value
        (130, "RW", "f", "float"),  # Float Value
        (140, "RW", "b", "boolean"),  # Boolean Value
        (150, "RW", "o", "opaque"),  # Opaque Value
        (160, "RW", "t", "time"),  # Time Value
        (170, "RW", "l", "objlink"),  # ObjLink Value
        (180, "RW", "c", "corelink"),  # CoreLnk Value
        (1110, "RW", "s[]", "strings"),  # Multiple String Value
        (1120, "RW", "i[]", "integers"),  # Multiple Integer Value
        (1125, "RW", "u[]", "unsigneds"),  # Multiple Unsigned Integer Value
        (1130, "RW", "f[]", "floats"),  # Multiple Float Value
        (1140, "RW", "b[]", "booleans"),  # Multiple Boolean Value
        (1150, "RW", "o[]", "opaques"),  # Multiple Opaque Value
        (1160, "RW", "t[]", "times"),  # Multiple Time Value
        (1170, "RW", "l[]", "objlinks"),  # Multiple ObjLink Value
        (1180, "RW", "c[]", "corelinks"),  # Multiple CoreLnk Value
    )

    arguments = {}
    string = "initial value"
    integer = 1024
    unsigned = 1 << 63
    float = 3.14159
    boolean = True
    opaque = b"\x01\x23\x45\x67\x89\xab\xcd\xef"
    time = 946684800  # 1 January 2000
    objlink = (3, 0)
    corelink = "</3442>"
    strings = {0: string}
    integers = {0: integer}
    unsigneds = {0: unsigned}
    floats = {0: float}
    booleans = {0: boolean}
    opaques = {0: opaque}
    times = {0: time}
    objlinks = {0: objlink}
    corelinks = {0: corelink}

    def __init__(self, iid, app):
        self.iid = iid
        self.app = app

    def reset(self, arguments):
        for row in self.resources:
            if row[2]:
                self.clear(row)
                self.changed(row[0])

    def empty(self, arguments):
        for row in self.resources:
            if row[2]:
                self._set(row, _EMPTY[row[2][0]] if len(row[2]) == 1 else {})

    def randomize(self, arguments):
        for row in self.resources:
            if row[1] != "RW":
                continue
            kind = row[2][0]
            if len(row[2]) == 1:
                self._set(row, self._any(kind))
            else:
                self._set(
                    row,
                    {riid: self._any(kind) for riid in range(self.app.client.random(1)[0] % 10)},
                )

    def execute(self, arguments):
        from lwm2m.arguments import parse

        found = parse(arguments)
        self._set(self.row(4), {digit: found[digit] or "" for digit in found})

    def _set(self, row, value):
        setattr(self, row[3], value)
        self.changed(row[0])

    def _any(self, kind):
        # Not much of it: the payloads of whole instances are to stay small.
        data = self.app.client.random(8)
        number = 0
        for byte in data:
            number = number << 8 | byte
        if kind == "s":
            return "".join([chr(97 + byte % 26) for byte in data[: data[0] % 9]])
        if kind == "i":
            return number - (1 << 63)
        if kind == "u":
            return number
        if kind == "f":
            return (number % 2000001 - 1000000) / 64  # exact in floats of 4 bytes
        if kind == "b":
            return data[0] > 127
        if kind == "o":
            return bytes(data[: data[0] % 9])
        if kind == "t":
            return number % 4102444800  # before 2100
        if kind == "l":
            return number % 65535, data[0]
        return "</%d/%d>" % (number % 65535, data[0])


def add(table, app):
    """Adds /3442/0 and lets servers create more."""

    def make(iid):
        return Interoperability(iid, app)

    table.creatable[3442] = make
    table.add(make(0))
