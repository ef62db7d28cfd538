"""/bs: where clients ask for a bootstrap, and what becomes of it."""

import asyncio
import logging
import time

from aiocoap import BAD_REQUEST, CHANGED, METHOD_NOT_ALLOWED, NOT_FOUND, POST, Message

from .. import codecs
from ..coaplog import CoapLog
from ..ports import Ports
from ..site import Refusal, Site, endpoint_of
from .exchange import Exchange, Failed
from .plan import FORMATS, Plans

_log = logging.getLogger("desk-server")

_START_S = 0.02  # the answer to the request goes first
_MAX_RECORDS = 1000
_OPTIONS = ("--bootstrap-port", "--bootstraps-port")


def _preferred(query):
    """The codec a client says it prefers (pct, LwM2M Core 1.1.1, 6.1.7.1), else TLV."""
    for item in query:
        name, _, value = item.partition("=")
        if name == "pct" and value.isdigit():
            codec = codecs.by_code(int(value[:5]))
            if codec in FORMATS:
                return codec
    return codecs.tlv


class BootstrapServer:
    """A Bootstrap-Server with ports of its own.

    emit(kind, endpoint, data) is called with the events BOOTSTRAP_STARTED, BOOTSTRAP_FINISHED and
    BOOTSTRAP_FAILED.
    """

    def __init__(self, models, events, emit):
        self.plans = Plans(models)
        self._models = models
        self._emit = emit
        self._running = {}  # endpoint -> (remote, task)
        self._records = {}  # endpoint -> what came of its last bootstrap
        log = CoapLog(self._endpoint_at, events, secret=True)
        site = Site({"bs": self._answer})
        self.ports = Ports(site, log.trace, self.plans.credentials)

    async def start(self, host, coap_port, coaps_port):
        """Opens the ports, 0 takes a free one, None none. Errors: PortTaken, OSError."""
        await self.ports.start(host, coap_port, coaps_port, _OPTIONS)

    def _endpoint_at(self, remote):
        for endpoint, (known, _) in self._running.items():
            if known == remote:
                return endpoint
        return None

    def record(self, endpoint):
        """What came of the last bootstrap of an endpoint, in JSON; None if there was none."""
        return self._records.get(endpoint)

    def _answer(self, request, payload, path):
        if path:
            raise Refusal(NOT_FOUND)
        if request.code is not POST:
            raise Refusal(METHOD_NOT_ALLOWED)
        endpoint = endpoint_of(request.opt.uri_query)
        if not endpoint:
            raise Refusal(BAD_REQUEST, "endpoint is mandatory")
        self.plans.credentials.check(endpoint, request.remote)
        plan = self.plans.get(endpoint)
        if plan is None:
            raise Refusal(BAD_REQUEST, "no plan for this endpoint")
        exchange = Exchange(
            self.ports.transport,
            self._models,
            plan,
            request.remote,
            _preferred(request.opt.uri_query),
        )
        if endpoint in self._running:
            self._running.pop(endpoint)[1].cancel()
        task = asyncio.ensure_future(self._run(endpoint, exchange, request.opt.uri_query))
        self._running[endpoint] = request.remote, task
        return Message(code=CHANGED)

    async def _run(self, endpoint, exchange, query):
        secure = {"secure": exchange.secure}
        record = {"state": "running", "begun": int(time.time() * 1000), **secure}
        record.update(exchange.record)
        record["query"] = [item for item in query if not item.startswith("ep=")]
        self._keep(endpoint, record)
        try:
            await asyncio.sleep(_START_S)
            self._tell("BOOTSTRAP_STARTED", endpoint, secure)
            await exchange.run()
        except Failed as fault:
            record["state"], record["error"] = "failed", str(fault)
            _log.warning("bootstrap of %s: %s", endpoint, fault)
            self._tell("BOOTSTRAP_FAILED", endpoint, {**secure, "error": str(fault)})
        except Exception:
            record["state"], record["error"] = "failed", "a fault of this server"
            _log.exception("bootstrap of %s", endpoint)
            self._tell("BOOTSTRAP_FAILED", endpoint, {**secure, "error": record["error"]})
        except asyncio.CancelledError:
            record["state"], record["error"] = "failed", "the client began anew"
            raise
        else:
            record["state"] = "finished"
            self._tell("BOOTSTRAP_FINISHED", endpoint, secure)
        finally:
            # not where the client has begun anew
            if self._running.get(endpoint, (None, None))[1] is asyncio.current_task():
                del self._running[endpoint]

    def _keep(self, endpoint, record):
        self._records.pop(endpoint, None)
        if len(self._records) >= _MAX_RECORDS:
            del self._records[next(iter(self._records))]
        self._records[endpoint] = record

    def _tell(self, kind, endpoint, more):
        _log.info("%s %s", kind, endpoint)
        self._emit(kind, endpoint, {"ep": endpoint, **more})

    async def stop(self):
        """Closes the ports and gives up what is under way."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.ports.stop()
