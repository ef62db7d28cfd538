"""LwM2M Security, object 0: how to reach one server, and the credentials for it."""

from lwm2m.object import Object

# Security modes (TS 1.1.1 Core E.1)
PSK = 0
RPK = 1
CERTIFICATE = 2
NO_SEC = 3


class Security(Object):
    """One instance for each server, the Bootstrap-Server's among them.

    No server may read or write it but a Bootstrap-Server in a bootstrap, so no row has an
    operation. `identity` is the PSK identity or the client's certificate (DER), `key` the PSK or
    the private key, `server_key` the certificate of the server or its CA, by `usage`: 0 CA
    constraint, 1 service certificate constraint, 2 trust anchor assertion, 3 domain-issued
    certificate. `hold_off_s` and `account_timeout_s` are for a Bootstrap-Server alone.
    """

    oid = 0

    uri = ""
    bootstrap = False
    mode = NO_SEC
    identity = b""
    server_key = b""
    key = b""
    short_server_id = None
    hold_off_s = 0
    account_timeout_s = 0
    sni = None
    usage = 3

    resources = (
        [0, "", "s", "uri"],  # LwM2M Server URI
        [1, "", "b", "bootstrap"],  # Bootstrap-Server
        [2, "", "i", "mode"],  # Security Mode
        [3, "", "o", "identity"],  # Public Key or Identity
        [4, "", "o", "server_key"],  # Server Public Key
        [5, "", "o", "key"],  # Secret Key
        [10, "", "i", "short_server_id"],  # Short Server ID
        [11, "", "i", "hold_off_s"],  # Client Hold Off Time
        [12, "", "i", "account_timeout_s"],  # Bootstrap-Server Account Timeout
        [14, "", "s", "sni"],  # SNI
        [15, "", "u", "usage"],  # Certificate Usage
    )
    limits = {
        0: (1, 255),
        2: (PSK, NO_SEC),
        10: (0, 65535),
        11: (0, 0x7FFFFFFF),
        12: (0, 0x7FFFFFFF),
        14: (0, 255),  # no longer one is taken by mbedTLS
        15: (0, 3),
    }

    def __init__(self, iid=0):
        self.iid = iid
