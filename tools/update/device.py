"""Object 5 of one board, and what it says of itself."""

from .api import Gone
from .words import DOWNLOADED, IDLE

_STATE, _RESULT = "/5/0/3", "/5/0/5"


def has_update(registration):
    """Whether a registration (as the API shows it) has object 5."""
    links = registration.get("objectLinks", ())
    return any(link.get("url", "").rstrip("/").split("/")[-2:] == ["5", "0"] for link in links)


class Device:
    """Asks over a Server; Refused and Gone as there."""

    def __init__(self, server):
        self._server = server

    async def _integer(self, path):
        return int((await self._server.read(path))["value"])

    async def look(self):
        """(state, result)."""
        state = await self._integer(_STATE)
        return state, await self._integer(_RESULT)

    async def version(self):
        """What runs, as /3/0/3 has it."""
        return str((await self._server.read("/3/0/3"))["value"])

    async def package(self):
        """(name, version) of what is downloaded, None where nothing is."""
        if (await self._integer(_STATE)) != DOWNLOADED:
            return None
        name = await self._server.read("/5/0/6")
        return str(name["value"]), str((await self._server.read("/5/0/7"))["value"])

    async def push(self, content, timeout_s):
        """Writes the package."""
        await self._server.write("/5/0/0", "opaque", content.hex(), "OPAQUE", timeout_s)

    async def pull(self, uri):
        """Tells the board to fetch it."""
        await self._server.write("/5/0/1", "string", uri, "TEXT")

    async def uri(self):
        """What it was told to fetch, "" where nothing."""
        return str((await self._server.read("/5/0/1"))["value"])

    async def severity(self, number):
        """Sets how urgent it is."""
        await self._server.write("/5/0/11", "integer", str(number), "TEXT")

    async def defer(self, seconds):
        """Sets how long it may be put off."""
        await self._server.write("/5/0/13", "unsigned_integer", str(seconds), "TEXT")

    async def update(self):
        """Installs what is downloaded."""
        await self._server.execute("/5/0/2")

    async def cancel(self):
        """Gives up what is downloaded or on its way; nothing where there is nothing."""
        if (await self._integer(_STATE)) != IDLE:
            await self._server.execute("/5/0/10")

    async def mark(self):
        """Something that changes when the board has registered or updated; Gone where it is not
        registered.
        """
        registration = await self._server.registration()
        if registration is None:
            raise Gone("not registered")
        return registration.get("registrationId"), registration.get("lastUpdate")
