"""A Bootstrap-Server that does one thing after the other and stops where a test wants."""

from aiocoap import ACK, CON, DELETE, GET, POST, PUT, Message
from aiocoap.numbers.codes import CHANGED
from lwm2m_server import LwM2MServer

from tools.server.codecs import tlv
from tools.server.models import Models
from tools.server.nodes import ObjectInstance, ObjectNode, Resource

_MODELS = Models()


def node(oid, *instances):
    """An object as TLV; the instances are (iid, {rid: value})."""
    children = [
        ObjectInstance(iid, [Resource(r, _MODELS.type_of(oid, r), v) for r, v in values.items()])
        for iid, values in instances
    ]
    return tlv.encode(ObjectNode(oid, children), (oid,), _MODELS)


def accounts(*servers):
    """The messages of a whole bootstrap: (method, path, options); servers are (uri, lifetime)."""
    security = [
        (9 + iid, {0: uri, 1: False, 2: 3, 3: b"", 4: b"", 5: b"", 10: iid})
        for iid, (uri, _) in enumerate(servers, 1)
    ]
    server = [
        (iid, {0: iid, 1: lifetime_s, 6: False, 7: "U"})
        for iid, (_, lifetime_s) in enumerate(servers, 1)
    ]
    return [
        (GET, (), {"accept": 40}),
        (DELETE, (0,), {}),
        (DELETE, (1,), {}),
        (PUT, (0,), {"content_format": tlv.CODE, "payload": node(0, *security)}),
        (PUT, (1,), {"content_format": tlv.CODE, "payload": node(1, *server)}),
        (POST, ("bs",), {}),
    ]


class BootstrapServer(LwM2MServer):
    """Answers the request of a device and goes through `script`.

    `stop_at` is the number of messages after which it falls silent: 0 before it has answered the
    request, 1 before the first of the script. `requests` are those of devices, `answers` theirs.
    """

    def __init__(self, script=(), stop_at=99):
        super().__init__()
        self.script = list(script)
        self.stop_at = stop_at
        self.requests = []
        self.answers = []
        self._next = 0
        self._waiting = None

    @property
    def finished(self):
        """True when all that it was to do has been answered."""
        return bool(self.requests) and len(self.answers) >= min(self.stop_at - 1, len(self.script))

    def begin(self):
        """From the start with the next request."""
        self._next = 0
        self._waiting = None
        self.answers.clear()

    def _take(self):
        data, device = self._socket.recvfrom(2000)
        self.device = device
        message = Message.decode(data)
        if message.code == POST and message.opt.uri_path == ("bs",):
            repeated = bool(self.requests) and self.requests[-1].mid == message.mid
            if not repeated:
                self.requests.append(message)
                self.begin()
            if self.stop_at:
                self._answer(message, CHANGED)
                if not repeated:
                    self._go_on()
        elif message.mtype is ACK and message.token == self._waiting:
            self._waiting = None
            self.answers.append(message)
            self._go_on()

    def _go_on(self):
        if self._next >= min(len(self.script), self.stop_at - 1):
            return
        method, path, options = self.script[self._next]
        self._next += 1
        self._mid += 1
        request = Message(code=method, uri_path=[str(part) for part in path], **options)
        self._waiting = b"b%d" % self._mid
        request.mtype, request.mid, request.token = CON, self._mid, self._waiting
        self._socket.sendto(request.encode(), self.device)
