"""LwM2M server for the desk: registers clients and offers an HTTP JSON API to talk to them.

    async with DeskServer(coap_port=0, http_port=0) as server:
        print(server.coap_port, server.http_port)

Files: transport (UDP socket and CoAP exchanges), registry (registrations), directory (the /rd
resource), operations (read, write, observe ...), codecs/ (one content format each), nodes (values
and their JSON shape), models (what the registry of objects says), http_api and events (the HTTP
side), desk_server (puts it together).
"""

from .desk_server import DeskServer, PortTaken
from .errors import InvalidRequest, InvalidResponse, RequestRejected, RequestTimeout

__all__ = [
    "DeskServer",
    "InvalidRequest",
    "InvalidResponse",
    "PortTaken",
    "RequestRejected",
    "RequestTimeout",
]
