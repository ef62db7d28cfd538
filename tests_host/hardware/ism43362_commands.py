"""What the AT commands of the simulated Wi-Fi module do: settings, join, sockets."""

from access_point import ADDRESS, GATEWAY, MASK, Datagrams

_SOCKETS = 4
_LONGEST = 1460  # bytes of a datagram sent
_USAGE = b"ERROR: Usage: "


class _Socket:
    """The settings P1 to P4, R1 and R2 of one of the sockets."""

    def __init__(self):
        self.protocol = 0
        self.local_port = 0
        self.host = b"0.0.0.0"
        self.port = 0
        self.read_size = 1460
        self.read_ms = 0
        self.bound_port = 0
        self.datagrams = None  # while it is started

    def close(self):
        if self.datagrams:
            self.datagrams.close()
            self.datagrams = None


class Refused(Exception):
    """The command answers ERROR; the argument is the whole text before the prompt."""


class Commands:
    """The module's memory from one reset to the next.

    `begin(command, payload)` returns how long the command takes in ms; `end(fault)` then the whole
    answer, or None as long as it waits for a datagram.
    """

    def __init__(self, access_point, ticks, firmware, busy_ms):
        self._access_point = access_point
        self._ticks = ticks
        self._firmware = firmware
        self._busy_ms = busy_ms
        self._old = not firmware.startswith("C6")
        self._settings = {b"1": b"", b"2": b"", b"3": b"0", b"4": b"1", b"5": b"0"}
        self._resolved = b"0.0.0.0"
        self._joined = None  # the count of losses at the join
        self._sockets = [_Socket() for _ in range(_SOCKETS)]
        self._current = self._sockets[0]

    def close(self):
        """The supply is gone."""
        for each in self._sockets:
            each.close()

    # What a test may look at

    @property
    def joined(self):
        """Whether there is an access point that it has joined."""
        access_point = self._access_point
        return access_point.up and self._joined == access_point.losses

    @property
    def local_ports(self):
        """Of the started sockets, 0 for the others."""
        return [each.bound_port if each.datagrams else 0 for each in self._sockets]

    # One command

    def begin(self, command, payload):
        self._name, equals, value = command.partition(b"=")
        self._value = value if equals else None
        self._payload = payload
        self._until = None
        access_point = self._access_point
        wait_ms = self._busy_ms
        if self._name == b"C0":
            wait_ms += access_point.join_ms if self._may_join() else access_point.refuse_ms
        elif self._name == b"D0":
            up = access_point.dns and access_point.up
            wait_ms += access_point.dns_ms if up else access_point.dns_down_ms
        return wait_ms

    def end(self, fault=None):
        self._fault = fault
        end = b"\r\nOK\r\n> " if self._old else b"\r\n\r\nOK\r\n> "
        try:
            method = _COMMANDS.get(self._name)
            if method:
                body = method(self)
            elif self._name in _FLAT:
                body = b""
            else:
                raise Refused(_USAGE + b"unknown command")
        except Refused as refusal:
            return b"\r\n" + refusal.args[0] + b"\r\n> "
        return None if body is None else b"\r\n" + body + end

    def _number(self, low, high):
        value = self._value
        if value is None or not value.isdigit() or not low <= int(value) <= high:
            raise Refused(_USAGE + self._name + b"=<%d..%d>" % (low, high))
        return int(value)

    def _information(self):
        name = b"ISM43362-M3G-L44-SPI," + self._firmware.encode()
        return name + b",v3.5.2,v1.4.0.rc1,v8.2.1,120000000,Inventek eS-WiFi"

    def _mac(self):
        return b"C4:7F:51:00:00:01"

    # The access point

    def _setting(self):
        key = self._name[1:]
        value = self._value
        if value is None:
            raise Refused(_USAGE + self._name + b"=<value>")
        if key == b"1" and len(value) > 32 or key == b"2" and len(value) > 63:
            raise Refused(_USAGE + b"too long")
        if key == b"3":
            self._number(0, 5)
        if key == b"4":
            self._number(0, 1)
        self._settings[key] = value
        return b""

    def _may_join(self):
        get = self._settings.get
        return self._access_point.admits(get(b"1"), get(b"2"), int(get(b"3")))

    def _address(self):
        return ADDRESS if self._settings[b"4"] == b"1" else self._settings.get(b"6", b"0.0.0.0")

    def _join(self):
        ssid = self._settings[b"1"]
        if self._fault == "join" or not self._may_join():
            self._joined = None
            raise Refused(b"[JOIN   ] " + ssid + b"\r\n[JOIN   ] Failed\r\nERROR")
        self._joined = self._access_point.losses
        return b"[JOIN   ] " + ssid + b"," + self._address() + b",0,0"

    def _leave(self):
        self._joined = None
        self.close()
        return b""

    def _state(self):
        return b"1" if self.joined else b"0"

    def _strength(self):
        return b"%d" % (self._access_point.rssi if self.joined else 0)

    def _all_settings(self):
        get = self._settings.get
        address = self._address() if self.joined else b"0.0.0.0"
        static = self._settings[b"4"] == b"0"
        return b",".join(
            (get(b"1"), get(b"2"), get(b"3"), get(b"4"), b"0", address)
            + (get(b"7", MASK), get(b"8", GATEWAY)) * static
            + (MASK, GATEWAY) * (not static)
            + (get(b"9", GATEWAY), get(b"A", b"0.0.0.0"), b"0", b"0")
        )

    def _resolve(self):
        address = self._access_point.resolve(self._value) if self.joined and self._value else None
        if address is None:
            raise Refused(b"ERROR: Host not found")
        before, self._resolved = self._resolved, address
        return before if self._fault == "stale" else address

    # Sockets

    def _select(self):
        self._current = self._sockets[self._number(0, _SOCKETS - 1)]
        return b""

    def _protocol(self):
        self._current.protocol = self._number(0, 3)
        return b""

    def _local_port(self):
        self._current.local_port = self._number(0, 65535)
        return b""

    def _host(self):
        octets = _octets(self._value)
        if octets is None:
            raise Refused(_USAGE + b"P3=<address>")
        self._current.host = self._value
        return b""

    def _port(self):
        self._current.port = self._number(0, 65535)
        return b""

    def _server(self):
        if self._number(0, 1):
            raise Refused(b"ERROR: server mode is not simulated")
        return b""

    def _client(self):
        socket = self._current
        if not self._number(0, 1):
            socket.close()
            return b""
        octets = _octets(socket.host)
        bad = octets[0] == 0 or octets[3] == 0 or 255 in octets
        if not self._old:
            bad = octets[0] == 0
        if not self.joined or socket.datagrams or socket.protocol != 1 or bad:
            raise Refused(b"ERROR")
        # The port of the peer at this moment becomes our own.
        socket.bound_port = socket.port
        socket.datagrams = Datagrams(socket.port)
        return b""

    def _socket_settings(self):
        socket = self._current
        own = socket.bound_port if socket.datagrams else 0
        return b",".join(
            (
                b"%d" % socket.protocol,
                self._address() if self.joined else b"0.0.0.0",
                b"%d" % own,
                socket.host,
                b"%d" % socket.port,
                b"0",
                b"0",
                b"0",
                b"0",
                b"0",
            )
        )

    def _read_size(self):
        self._current.read_size = self._number(0, 1460)
        return b""

    def _read_ms(self):
        self._current.read_ms = self._number(0, 30000)
        return b""

    def _send_setting(self):
        self._number(0, 30000)
        return b""

    def _lost(self):
        # The link is not there, and whether sockets know it.
        return not self.joined and not (self._joined is not None and self._access_point.silent)

    def _send(self):
        socket = self._current
        if not socket.datagrams or self._fault == "closed" or self._lost():
            if self._fault == "closed" or self._lost():
                socket.close()
            return b"-1"
        if self._fault == "again":
            return b"0"
        if len(self._payload) > _LONGEST:
            return b"-1"
        if self.joined:
            socket.datagrams.send(socket.host, socket.port, self._payload)
        return b"%d" % len(self._payload)

    def _receive(self):
        socket = self._current
        if not socket.datagrams or self._fault == "closed" or self._lost():
            socket.close()
            raise Refused(b"-1\r\nERROR")
        data = None
        if self.joined and self._fault != "empty":
            data = socket.datagrams.recv(socket.read_size)
        if data is not None:
            return b"" if len(data) == 1 and not self._old else data
        now = self._ticks.ticks_ms()
        if self._until is None:
            self._until = self._ticks.ticks_add(now, max(socket.read_ms, 1) - 1)
        return None if self._ticks.ticks_diff(self._until, now) > 0 else b""

    def _messages(self):
        return b"[SOMA][EOMA]"


def _octets(text):
    parts = (text or b"").split(b".")
    if len(parts) != 4 or not all([each.isdigit() and int(each) < 256 for each in parts]):
        return None
    return [int(each) for each in parts]


# Taken without an effect here: country, fewer messages, number of the security of TLS.
_FLAT = (b"CN", b"MT")
_COMMANDS = {
    b"I?": Commands._information,
    b"Z5": Commands._mac,
    b"C0": Commands._join,
    b"CD": Commands._leave,
    b"CS": Commands._state,
    b"CR": Commands._strength,
    b"C?": Commands._all_settings,
    b"D0": Commands._resolve,
    b"MR": Commands._messages,
    b"P0": Commands._select,
    b"P1": Commands._protocol,
    b"P2": Commands._local_port,
    b"P3": Commands._host,
    b"P4": Commands._port,
    b"P5": Commands._server,
    b"P6": Commands._client,
    b"P?": Commands._socket_settings,
    b"R1": Commands._read_size,
    b"R2": Commands._read_ms,
    b"R0": Commands._receive,
    b"S1": Commands._send_setting,
    b"S2": Commands._send_setting,
    b"S3": Commands._send,
}
for _key in (b"C1", b"C2", b"C3", b"C4", b"C6", b"C7", b"C8", b"C9", b"CA"):
    _COMMANDS[_key] = Commands._setting
