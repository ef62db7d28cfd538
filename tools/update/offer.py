"""Where the board fetches the package: the desk server, or a CoAP port of this program."""

import ipaddress
import json
import re
import socket

from tools.errors import UserError
from tools.server.credentials import Credentials
from tools.server.errors import InvalidRequest
from tools.server.files import FOLDER, Files
from tools.server.ports import Ports
from tools.server.site import Site

_ANY = ("", "0.0.0.0", "::")
_MAX_URI = 255  # characters (object 5, resource 1)


def file_name(endpoint, version):
    """A name for the package of one board: two boards that fetch at once stay apart."""
    name = re.sub("[^A-Za-z0-9._-]", "_", "%s-%s" % (endpoint[:32], version[:16]))
    return "f" + name if name[0] == "." else name


def own_address(peer):
    """The address of this computer from which it reaches a peer ("host:port")."""
    host, _, port = peer.lstrip("/").rpartition(":")
    host = host.strip("[]")
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((host, int(port)))
            return probe.getsockname()[0]
    except (OSError, ValueError):
        raise UserError(
            f"the board's address {peer} is not reached from here: give HOST=ADDRESS"
        ) from None


def _uri(scheme, host, port, path):
    host = "[%s]" % host if ":" in host else host
    uri = "%s://%s:%d%s" % (scheme, host, port, path)
    if len(uri) > _MAX_URI:
        raise UserError(f"the URI would be {len(uri)} characters long, expected {_MAX_URI}")
    return uri


class AtServer:
    """Offered by the desk server until the board has all of it; `uri` is what the board gets.

    Use it with "async with".
    """

    def __init__(self, server, name, found, scheme, host):
        self._server = server
        self._name = name
        port = found[scheme + "_port"]
        if port is None:
            option = "--coap-port" if scheme == "coap" else "--coaps-port"
            raise UserError(f"the server has no {scheme}:// port: start it with {option}")
        self.uri = _uri(scheme, host, port, found["path"])

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, *error):
        # Where it broke off the board may go on: the file stays.
        if kind is None:
            await self._server.withdraw(self._name)

    async def fetched(self):
        """Bytes of the package that were sent so far."""
        return await self._server.fetched(self._name)


class Own:
    """Offered here, as long as this program runs; `uri` is what the board gets."""

    def __init__(self, name, content, scheme, host, keys):
        self._files = Files()
        self._file = self._files.put(name, content)
        self._scheme = scheme
        self._host = host
        credentials = Credentials()
        if keys is not None:
            _load(credentials, keys)
        elif scheme == "coaps":
            raise UserError("PULL=coaps from here needs KEYS=FILE, or use PULL=coap")
        site = Site({FOLDER: self._files.answer})
        self._ports = Ports(site, lambda message, incoming: None, credentials)
        self.uri = None

    async def __aenter__(self):
        ports = (0, None) if self._scheme == "coap" else (None, 0)
        try:
            await self._ports.start(self._host, *ports, ("PULL", "PULL"))
        except OSError as error:
            await self._ports.stop()
            raise UserError(f"HOST={self._host}: {error.strerror or error}") from None
        port = self._ports.coap_port if self._scheme == "coap" else self._ports.coaps_port
        self.uri = _uri(self._scheme, self._host, port, self._file.to_json()["path"])
        return self

    async def __aexit__(self, *error):
        await self._ports.stop()

    async def fetched(self):
        """Bytes of the package that were sent so far."""
        return self._file.fetched


def _load(credentials, path):
    try:
        with open(path, encoding="utf-8") as file:
            credentials.load(json.load(file))
    except OSError as error:
        raise UserError(f"KEYS={path}: {error.strerror}") from None
    except InvalidRequest as error:
        raise UserError(f"KEYS={path}: {error}") from None
    except (ValueError, RecursionError):
        raise UserError(f"KEYS={path}: no JSON") from None  # what is in it is not shown


async def offer(server, package, endpoint, given):
    """An AtServer or Own for the package, as the server can."""
    name = file_name(endpoint, package.version)
    scheme, host = given["PULL"], given.get("HOST")
    found = None if "KEYS" in given else await server.offer(name, package.content)
    registration = await server.registration()
    peer = (registration or {}).get("address", "")
    if found is None:
        return Own(name, package.content, scheme, host or own_address(peer), given.get("KEYS"))
    if host is None:
        host = found["host"] if found["host"] not in _ANY else own_address(peer)
    return AtServer(server, name, found, scheme, host)
