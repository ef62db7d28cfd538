"""One server as the client sees it.

A module of its own, for a bootstrap goes without it and has the memory (firmware).
"""

from coap.endpoint import Endpoint
from lwm2m import operations
from lwm2m.registration import Registration


class Session:
    """One server as the client sees it: what it sends goes to `receive()`.

    Notifications to it are non-confirmable unless `confirmable` is set, but for one in a day.
    `online` is set to False by the application while the link is down (and back, with a wake):
    nothing is begun then, and nothing given up. `unsaved` tells it that something has changed
    which survives a restart.
    """

    confirmable = False
    online = True
    unsaved = False
    queries = ()  # of the server's URI, for the Register: ("aid=X",)
    version = "1.1"  # of LwM2M, "1.0" after a server that speaks no later one
    observations = None  # made for the first Observe
    queue = None  # queue mode, where the client is in it
    sender = None  # made for the first Send
    handle = operations.handle  # what a request does

    def __init__(self, client, server, send):
        self.client = client
        self.server = server
        self.table = client.table
        self.attributes = {}  # path: {name: number}, see attributes.py
        self.endpoint = endpoint = Endpoint(
            send, self.handle, client.clock, client.random, client.log
        )
        endpoint.wake = client.wake
        endpoint.stream = self.stream
        self.receive = endpoint.receive
        self.registration = Registration(self)
        # What has to be polled, the endpoint last: what others send has time-outs of its own.
        self.parts = [self.registration, self]
        if client.queue_mode:
            from lwm2m import queue_mode

            self.queue = queue_mode.QueueMode(self)

    def reachable(self):
        """True when notifications may be sent now: registered, online and awake."""
        return (
            self.online
            and self.registration.state == "registered"
            and (not self.queue or self.queue.awake())
        )

    def keep(self):
        """Something has changed that survives a restart."""
        self.unsaved = True
        self.client.wake()

    def allowed(self, oid, iid, right):
        """True when the server has this right to the instance (TS 1.1.1 Core section 8.2).

        Rights as in object 2: 1 Read, 2 Write, 4 Execute, 8 Delete, 16 Create (iid 65535).
        A single server has them all.
        """
        if len(self.client.sessions) < 2:
            return True
        from lwm2m import access

        return access.allowed(self, oid, iid, right)

    def stream(self, request, more):
        """What takes the body of this request block by block; None where memory does."""
        if not more:
            return None
        try:
            from lwm2m import stream
        except ImportError:  # left out: nothing is that long
            return None
        return stream.begin(self, request)

    def send(self, paths, on_done=None):
        """Tells the server the values at these paths, a list of tuples (Core section 6.4.6).

        `on_done(code)` hears the code of the answer, None where there was none. ValueError
        where the server may not be told now.
        """
        if not self.sender:
            from lwm2m import send

            self.sender = send.Sender(self)
            self.parts.insert(-1, self.sender)
        self.sender.send(paths, on_done)

    def observe(self, token, target, key=None):
        """Starts to observe; returns the sequence number. Error 5.03 when there are too many."""
        if not self.observations:
            from lwm2m import observe

            self.observations = observe.Observations(self)
        return self.observations.add(token, target, key)

    def cancel_observation(self, token=None):
        """Ends the observation with this token, or all of them."""
        if self.observations:
            self.observations.remove(token)

    def poll(self, now_ms):
        return self.endpoint.poll()
