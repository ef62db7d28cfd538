"""Answers to requests that wait for a sleeping client: at once that they wait, later the rest."""

import asyncio
import logging
import uuid

from .errors import InvalidRequest, InvalidResponse, RequestRejected, RequestTimeout
from .paths import format_path

_log = logging.getLogger("desk-server")


class Delayed:
    """Work whose answer comes as an event REQUEST_RESPONSE; emit(kind, endpoint, data)."""

    def __init__(self, presence, emit):
        self._presence = presence
        self._emit = emit
        self._tasks = set()

    async def answer(self, registration, path, work):
        """The Response of work, or a dict in Leshan's shape that says that it waits."""
        if self._presence.is_awake(registration):
            return await work
        task = asyncio.ensure_future(work)
        await asyncio.sleep(0)
        if task.done():
            # nothing to send: the request made no sense
            return task.result()
        data = {"ep": registration.endpoint}
        if path is not None:
            data["path"] = format_path(path)
        data.update(requestId=str(uuid.uuid4()), delayed=True)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._finished(done, dict(data)))
        return data

    def _finished(self, task, data):
        self._tasks.discard(task)
        if task.cancelled():
            return
        try:
            data["response"] = task.result().to_json()
        except (InvalidRequest, InvalidResponse, RequestRejected, RequestTimeout) as fault:
            _log.warning("%s: a delayed request failed: %s", data["ep"], fault)
            data["errormessage"] = str(fault)
        self._emit("REQUEST_RESPONSE", data["ep"], data)

    async def close(self):
        """Stops what still waits."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
