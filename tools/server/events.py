"""The server-sent event stream of Leshan's demo server: what happens, as it happens."""

import asyncio
import json

from aiohttp import web

MAX_LISTENERS = 64
MAX_QUEUED = 1000  # events; a listener that falls further behind is dropped
_HEARTBEAT_S = 10


class EventStream:
    """Fans events out to the HTTP clients that listen."""

    def __init__(self):
        self._listeners = {}

    def is_followed(self):
        """True if somebody listens to one endpoint."""
        return any(wanted is not None for wanted in self._listeners.values())

    def send(self, kind, endpoint, data, followers_only=False):
        """Queues an event for everybody who listens to everything or to this endpoint.

        followers_only: not for those who listen to everything.
        """
        text = "event: %s\r\ndata: %s\r\n\r\n" % (kind, json.dumps(data))
        for queue, wanted in list(self._listeners.items()):
            if wanted == endpoint or (wanted is None and not followers_only):
                if queue.qsize() >= MAX_QUEUED:
                    self._listeners.pop(queue)
                    queue.put_nowait(None)
                else:
                    queue.put_nowait(text.encode())

    def close(self):
        """Ends every stream."""
        for queue in self._listeners:
            queue.put_nowait(None)
        self._listeners.clear()

    async def serve(self, request):
        """HTTP handler of the stream; ?ep=NAME hears of one endpoint only."""
        if len(self._listeners) >= MAX_LISTENERS:
            return web.Response(status=503, text="%d listeners already" % MAX_LISTENERS)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-cache",
            }
        )
        queue = asyncio.Queue()
        self._listeners[queue] = request.query.get("ep")
        try:
            await response.prepare(request)
            await response.write(b"\r\n")
            while True:
                try:
                    item = await asyncio.wait_for(queue.get(), _HEARTBEAT_S)
                except asyncio.TimeoutError:
                    item = b"\r\n"
                if item is None:
                    break
                await response.write(item)
        except ConnectionError:
            pass
        finally:
            self._listeners.pop(queue, None)
        return response
