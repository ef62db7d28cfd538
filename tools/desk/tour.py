"""The unattended job: everything the board does for its server, once, checked at the hardware."""

import asyncio
import time

from .session import FAILURES
from .state import SERVO, TEMPERATURE

# Far from each other and from where the simulated world starts; inside both sensors' ranges.
TEMPERATURES_C = (24.5, 18.25)
TOLERANCE_C = 0.3
# The arm starts in the middle, so 0 first: each of these is a move, and each move a pulse.
SERVO_STEPS = ((0.0, 750), (0.5, 1625), (1.0, 2500))
_EXTRA_S = 12.0  # a slow computer gets this much more before the job fails
_LEAST_S = 15.0
_POLL_S = 0.05
_END_RESERVE_S = 1.0  # of the time asked for, kept for the de-registration


class Failure(Exception):
    """A step did not happen; the text says which."""


class Tour:
    """Runs the steps and remembers what came of them."""

    def __init__(self, session, for_s, clock=time.monotonic):
        self._session = session
        self._state = session.state
        self._clock = clock
        self._started = clock()
        self._for_s = for_s
        self._deadline = self._started + max(for_s, _LEAST_S) + _EXTRA_S
        self.notified_c = []
        self.pulses_us = []
        self.failure = None

    async def _until(self, condition, what):
        while not condition():
            if self._session.board.ended.is_set():
                raise Failure("%s: the board ended before that" % what)
            if self._clock() > self._deadline:
                raise Failure("%s: did not happen in time" % what)
            await asyncio.sleep(_POLL_S)

    async def _follow_temperature(self, celsius):
        state = self._state
        seen = len(state.temperatures_c)
        state.log("simulated temperature set to %.2f C" % celsius)
        self._session.board.world(temperature=celsius)

        def notified():
            return any(
                abs(value - celsius) <= TOLERANCE_C for value in list(state.temperatures_c)[seen:]
            )

        await self._until(notified, "notification of %.2f C" % celsius)
        self.notified_c.append(state.temperatures_c[-1])

    async def _move_servo(self, position, pulse_us):
        state = self._state
        seen = len(state.pulses_us)
        state.log("writing %g to %s" % (position, SERVO))
        response = await self._session.move_servo(position)
        if not response.success:
            raise Failure("write of %g to %s: %s" % (position, SERVO, response.status))
        await self._until(
            lambda: pulse_us in list(state.pulses_us)[seen:], "pulse of %d us" % pulse_us
        )
        self.pulses_us.append(pulse_us)

    async def run(self):
        """Does the steps; a step that fails ends them and is kept in failure."""
        state = self._state
        try:
            if self._session.secured:
                state.log("waiting for the bootstrap over DTLS")
                await self._until(lambda: state.bootstraps, "bootstrap")
            state.log("waiting for the registration")
            await self._until(lambda: state.registrations, "registration")
            await self._until(lambda: state.temperatures_c, "first value of " + TEMPERATURE)
            for position, pulse_us in SERVO_STEPS:
                await self._move_servo(position, pulse_us)
            for celsius in TEMPERATURES_C:
                await self._follow_temperature(celsius)
        except Failure as fault:
            self.failure = str(fault)
        except FAILURES as fault:
            self.failure = "%s: %s" % (type(fault).__name__, fault)
        if self.failure:
            state.log("failed: " + self.failure)
            return
        took_s = self._clock() - self._started
        left_s = self._for_s - took_s - _END_RESERVE_S
        if left_s > 0:
            state.log("all steps done; running on for %.0f s" % left_s)
            await asyncio.wait([asyncio.ensure_future(self._idle(left_s))])
        elif took_s > self._for_s:
            state.log("took %.1f s, longer than the %.0f s asked for" % (took_s, self._for_s))

    async def _idle(self, wait_s):
        try:
            await asyncio.wait_for(self._session.board.ended.wait(), wait_s)
        except asyncio.TimeoutError:
            pass


def _came(state, secured):
    """(good, text) of how the board came to its server."""
    if secured is None:
        yield state.registrations >= 1, "registered as %s at %s" % (state.endpoint, state.location)
        return
    yield (
        state.bootstraps >= 1,
        "bootstrapped over DTLS-PSK with the factory's identity %s" % secured.bootstrap_identity,
    )
    yield (
        state.registrations >= 1 and state.secure,
        "registered over DTLS-PSK as %s at %s with the identity it got, %s"
        % (state.endpoint, state.location, secured.identity),
    )


def summary(state, tour, board_status, secured=None):
    """(lines, passed) of what the simulated hardware and the server saw."""
    expected_us = [pulse_us for _, pulse_us in SERVO_STEPS]
    checks = (
        *_came(state, secured),
        (
            len(tour.notified_c) == len(TEMPERATURES_C),
            "temperature set to %s C, notified: %s C"
            % (
                ", ".join("%.2f" % value for value in TEMPERATURES_C),
                ", ".join("%.2f" % value for value in tour.notified_c) or "nothing",
            ),
        ),
        (
            tour.pulses_us == expected_us,
            "servo written %s, pulses: %s us"
            % (
                ", ".join("%g" % position for position, _ in SERVO_STEPS),
                ", ".join(map(str, tour.pulses_us)) or "none",
            ),
        ),
        (state.deregistrations >= 1, "de-registered at the end"),
        (board_status == 0, "the board ended in order (status %s)" % board_status),
    )
    lines = ["", "What the server and the simulated hardware saw:"]
    lines += ["  %-4s  %s" % ("ok" if good else "FAIL", text) for good, text in checks]
    if tour.failure:
        lines.append("  first failure: " + tour.failure)
    return lines, all(good for good, _ in checks) and not tour.failure
