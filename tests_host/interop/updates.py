"""Object 5 of a board, as a server sees it."""

from tools.interop.board import wait_for

IDLE, DOWNLOADING, DOWNLOADED, UPDATING = range(4)
INITIAL = 0
SUCCESS = 1
NO_STORAGE = 2
NO_MEMORY = 3
CONNECTION_LOST = 4
DAMAGED = 5
UNSUPPORTED_PACKAGE = 6
INVALID_URI = 7
FAILED = 8
UNSUPPORTED_PROTOCOL = 9
CANCELLED = 10

_PUSH_S = 60
_CHECK_S = 30
_RESTARTS_S = 60


class Update:
    """The firmware update of a Device."""

    def __init__(self, device):
        self._device = device
        self.api = device.api

    def look(self):
        """State and Update Result; None while the board does not answer."""
        value = self.api.read("/5/0").value
        return value and (value[3], value[5])

    def wait(self, *expected, timeout_s=_CHECK_S):
        """Waits for a state and a result."""
        seen = []

        def there():
            look = self.look()
            if look not in seen[-1:]:
                seen.append(look)
            return look == expected

        try:
            wait_for(there, timeout_s, "state and result %s" % (expected,))
        except AssertionError as error:
            said = self._device.board.said()
            raise AssertionError("%s but %s; the board said:\n%s" % (error, seen, said))

    def reset(self):
        """The initial state, by a package of one zero byte."""
        assert self.api.write("/5/0/0", b"\0", "OPAQUE").code == "2.04"
        assert self.look() == (IDLE, INITIAL)

    def push(self, package, format="OPAQUE"):
        """Writes a package; the Answer."""
        return self.api.write("/5/0/0", package, format, timeout_s=_PUSH_S)

    def pull(self, uri):
        """Has a package fetched; the Answer."""
        return self.api.write("/5/0/1", uri)

    def install(self):
        """Has the board restart into what it has downloaded."""
        self._before = self._device.heard()
        assert self.api.execute("/5/0/2").code == "2.04"

    def ends(self, result, version, timeout_s=_RESTARTS_S):
        """Waits for the end of what `install` has begun: this result, this version runs. A package
        that failed is there still (TS 1.1.1 Core appendix E.6, State)."""
        # not asked before it is there: whether that is answered would be a matter of chance
        self._device.back(self._before, timeout_s)
        self.wait(DOWNLOADED if result == FAILED else IDLE, result)
        assert self.api.read("/3/0/3").value == version
