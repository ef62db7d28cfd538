"""Observations under way: of one path or of several, until they are cancelled (RFC 7641)."""

import asyncio
import logging
import time

from .asking import DEFAULT_TIMEOUT_S
from .errors import InvalidRequest
from .paths import format_path

_log = logging.getLogger("desk-server")

MAX_OBSERVATIONS = 100  # of one registration
_REORDER_S = 128  # RFC 7641, 3.4


class Observation:
    """What is observed, and what is needed to hear of it and to end it.

    Args: paths is a tuple of paths; composite says whether they are observed by one request of
    several paths; request makes the Message, with the Observe option as its argument; decode
    makes a Response of an answer.
    """

    def __init__(self, paths, composite, request, decode):
        self.paths = paths
        self.composite = composite
        self.request = request
        self.decode = decode
        self.token = b""
        self.end = None
        self._sequence = None
        self._heard_at = 0

    @property
    def key(self):
        """What is equal for observations of which only one is kept."""
        return self.composite, self.paths

    def is_fresh(self, sequence):
        """True if a notification of this Observe number is newer than the last (RFC 7641, 3.4)."""
        now = time.monotonic()
        last = self._sequence
        fresh = (
            last is None
            or 0 < (sequence - last) % (1 << 24) < 1 << 23
            or now > self._heard_at + _REORDER_S
        )
        if fresh:
            self._sequence = sequence
            self._heard_at = now
        return fresh

    def __str__(self):
        return ", ".join(map(format_path, self.paths))


class Observations:
    """All observations, by registration.

    on_notification(registration id, Observation, Response) is called for each notification, with
    a text instead of the Response where it is of no use.
    """

    def __init__(self, asker, on_notification):
        self._asker = asker
        self._on_notification = on_notification
        self._known = {}  # registration id -> {key: Observation}
        self._tasks = set()

    async def start(self, registration, observation, timeout_s):
        """Response to an Observe request; an observation of the same is replaced."""
        known = self._known.setdefault(registration.id, {})
        if observation.key not in known and len(known) >= MAX_OBSERVATIONS:
            raise InvalidRequest("%d paths are observed already" % MAX_OBSERVATIONS)
        message = observation.request(0)
        registration = await self._asker.reached(registration, message)
        self.forget(registration, *observation.key)
        first = asyncio.get_running_loop().create_future()

        def on_event(event):
            if not first.done():
                if event.message is not None:
                    first.set_result(event.message)
                else:
                    first.set_exception(event.exception)
            elif event.message is not None:
                self._notified(registration.id, observation, message, event.message)
            return not event.is_last

        transport = self._asker.transport
        observation.end = transport.send(message, on_event)
        observation.token = message.token
        kept = False
        try:
            deadline = time.monotonic() + timeout_s
            outcome = transport.outcome(first, timeout_s)
            answer = await self._asker.heard(registration, outcome)
            kept = answer.opt.observe is not None
            if kept:
                observation.is_fresh(answer.opt.observe)
                self._known.setdefault(registration.id, {})[observation.key] = observation
            return observation.decode(await transport.complete(message, answer, deadline))
        finally:
            if not kept:
                observation.end()

    def _notified(self, registration_id, observation, request, message):
        number = message.opt.observe
        if number is None:
            # an answer without Observe, mostly an error, ends the observation (RFC 7641, 3.2)
            self._drop(registration_id, observation)
        elif not observation.is_fresh(number):
            return
        task = asyncio.ensure_future(self._deliver(registration_id, observation, request, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, registration_id, observation, request, message):
        try:
            deadline = time.monotonic() + DEFAULT_TIMEOUT_S
            answer = await self._asker.transport.complete(request, message, deadline)
            response = observation.decode(answer)
        except Exception as fault:
            _log.warning("notification of %s is of no use: %s", observation, fault)
            response = str(fault)
        self._on_notification(registration_id, observation, response)

    def _drop(self, registration_id, observation):
        known = self._known.get(registration_id, {})
        if known.get(observation.key) is observation:
            del known[observation.key]

    def of(self, registration):
        """The observations of a registration."""
        return list(self._known.get(registration.id, {}).values())

    def forget(self, registration, composite, paths):
        """Ends an observation without a word: its next notification is answered with a Reset."""
        observation = self._known.get(registration.id, {}).pop((composite, paths), None)
        if observation:
            observation.end()
        return observation

    def forget_all(self, registration):
        """Ends every observation of a registration."""
        for observation in self._known.pop(registration.id, {}).values():
            observation.end()

    async def cancel(self, registration, composite, paths, timeout_s):
        """Cancels an observation with Observe=1 and its token; None if there is none."""
        observation = self._known.get(registration.id, {}).get((composite, paths))
        if observation is None:
            return None
        message = observation.request(1)
        registration = await self._asker.reached(registration, message)
        observation.end()  # the token can have one owner only
        message.token = observation.token
        response = observation.decode(await self._asker.ask(registration, message, timeout_s))
        if response.success:
            self._drop(registration.id, observation)
        return response

    async def close(self):
        """Stops what is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._known.clear()
