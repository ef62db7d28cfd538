"""LwM2M server for the desk: registers clients and offers an HTTP JSON API to talk to them.

    async with DeskServer(coap_port=0, http_port=0) as server:
        print(server.coap_port, server.http_port)

Files, from the socket up: transport (UDP socket and CoAP exchanges), site with directory (/rd),
sends (/dp), files (/files, for clients to fetch) and spool (requests in blocks), registry
(registrations), presence (who sleeps), dtls/ and ports (DTLS beside plain UDP), credentials (who
has to prove what), bootstrap/ (the Bootstrap-Server), asking (one request and its answer),
operations, composite and observations (what a server asks), delayed (answers that wait for a
sleeping client), codecs/ (one content format each), nodes (values and their JSON shape), models
(what the registry of objects says), http_api, http_composite, http_files, http_security and
events (the HTTP side), coaplog (messages as events), desk_server (puts it together).
"""

from .desk_server import DeskServer, PortTaken
from .dtls import GatewayFault
from .errors import InvalidRequest, InvalidResponse, RequestRejected, RequestTimeout

__all__ = [
    "DeskServer",
    "GatewayFault",
    "InvalidRequest",
    "InvalidResponse",
    "PortTaken",
    "RequestRejected",
    "RequestTimeout",
]
