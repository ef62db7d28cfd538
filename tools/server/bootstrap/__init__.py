"""Bootstrap-Server (LwM2M Core 1.1.1, 6.1): gives a client the accounts of its servers.

Files: account (one server account as instances of the objects 0 and 1), plan (what an endpoint is
to get, from JSON), exchange (the requests of one bootstrap), server (/bs and its ports).
"""

from .plan import Plan, Plans
from .server import BootstrapServer

__all__ = ["BootstrapServer", "Plan", "Plans"]
