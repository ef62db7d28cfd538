"""The keys of one run, made at its start, and the accounts they are for.

The board begins as it would leave a factory: with an account at the Bootstrap-Server, its own
identity and key for that, and nothing else. What it needs for the server it gets from there.
"""

import os
import secrets

from tools.errors import UserError
from tools.keysearch.notes import used

_KEY_BYTES = 16
# Compiled files: DTLS, a bootstrap's names, observations and Write together take more than the
# virtual board's default of 128k (docs/security.md). For sources its default is enough.
_MPY_HEAP = "144k"


def check_flash(folder):
    """UserError where a flash has accounts already: their keys are none of this run's."""
    if folder and os.path.exists(os.path.join(folder, "boot.py")):
        raise UserError(
            "--flash %s: has accounts of another run, whose keys are gone: take an empty directory"
            % folder
        )


class Secured:
    """Identities and keys of a board: one pair for the Bootstrap-Server, one for the server."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.bootstrap_identity = endpoint + "-bootstrap"
        self.identity = endpoint + "-server"
        self._bootstrap_key = used(secrets.token_bytes(_KEY_BYTES))
        self._key = used(secrets.token_bytes(_KEY_BYTES))

    def introduce(self, server):
        """Tells a running DeskServer whom to expect, and what the board is to get."""
        server.credentials.set(self.endpoint, self.identity.encode(), self._key)
        account = {
            "uri": server.coaps_uri,
            "mode": "psk",
            "identity": self.identity,
            "key": self._key.hex(),
            "server_id": 1,
            "lifetime_s": 3600,
        }
        plan = {
            "identity": self.bootstrap_identity,
            "key": self._bootstrap_key.hex(),
            "format": "SENML_CBOR",
            "discover": ["/"],
            "servers": [account],
        }
        server.bootstrap.plans.set(self.endpoint, plan)

    def board_options(self, server, folder, given):
        """Options of the virtual board; its key goes into a file of the folder, for it alone.

        given: further options of the user.
        """
        path = os.path.join(folder, "key")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self._bootstrap_key.hex() + "\n")
        options = ["--bootstrap", server.bootstraps_uri]
        options += ["--psk-identity", self.bootstrap_identity, "--psk-key-file", path]
        if "--mpy" in given and "--heap" not in given:
            options += ["--heap", _MPY_HEAP]
        return options
