"""From the first question to the new version: what is asked of the board, in which order."""

import asyncio
import time

from tools.deploy.progress import Progress
from tools.errors import UserError

from . import offer as offering
from .api import Gone, Refused
from .device import has_update
from .words import (
    DEFERRED,
    DOWNLOADED,
    DOWNLOADING,
    IDLE,
    INITIAL,
    SUCCESS,
    UPDATING,
    result_text,
    state_text,
)

_POLL_S = 0.5
_WATCH_S = 1.0
_THERE_S = 10  # for a board that nobody has seen yet
_PUSH_S = 3600  # CoAP gives up far earlier where nobody answers
_PUSHES = 3
_INCOMPLETE, _UNAVAILABLE = "4.08", "5.03"
_RESTART_S = 60  # for a board that said it restarts


class Failed(Exception):
    """The board has ended it, or nothing went on for too long; the text tells why."""


class Patience:
    """Raises Failed when nothing has changed for so many seconds."""

    def __init__(self, wait_s):
        self._wait_s = wait_s
        self._last = None
        self._since = time.monotonic()

    def check(self, *now, more_s=0):
        """Takes what could have changed, and what the board may take longer."""
        if now != self._last:
            self._last, self._since = now, time.monotonic()
        if time.monotonic() - self._since > self._wait_s + more_s:
            raise Failed(
                f"nothing has happened for {self._wait_s + more_s} s; the board goes on by itself "
                "when it can: `make update EP=...` shows where it is"
            )


class Course:
    """One update of one board. `tell(text)` hears of each step.

    `given` is what arguments.parse() gives; `package` a Parcel.
    """

    def __init__(self, server, device, package, given, tell):
        self._server = server
        self._device = device
        self._package = package
        self._given = given
        self._tell = tell
        self._told = set()

    def _tell_once(self, text):
        if text not in self._told:
            self._told.add(text)
            self._tell(text)

    async def there(self):
        """Waits until the board is registered with object 5; UserError if it does not come."""
        end = time.monotonic() + _THERE_S
        while True:
            registration = await self._server.registration()
            if registration is not None:
                break
            if time.monotonic() > end:
                raise UserError(
                    f"{self._given['EP']} is not registered at {self._given['SERVER']}: is it on, "
                    "and is its name right?"
                )
            self._tell_once(f"waiting for {self._given['EP']} to register")
            await asyncio.sleep(_POLL_S)
        if not has_update(registration):
            raise UserError(
                f"{self._given['EP']} has no object 5 (Firmware Update): its installation was "
                "made without it, see docs/update.md"
            )

    async def run(self):
        """Brings the package onto the board; Failed, UserError."""
        before = await self._patiently(self._device.version)
        self._tell(f"{self._given['EP']} runs {before}; {self._package.text}")
        if not await self._is_ready():
            await self._set_up()
            if "PULL" in self._given:
                await self._pull()
            else:
                await self._push()
            self._tell("downloaded and checked by the board")
        if "ONLY" in self._given:
            return
        await self._install()
        now = await self._patiently(self._device.version)
        if now != self._package.version:
            raise Failed(f"the board says that it has updated, but runs {now}")
        self._tell(f"{self._given['EP']} runs {now}, registered and confirmed; it was {before}")

    async def _patiently(self, ask):
        """What ask() gives, asked again while the board is away."""
        patience = Patience(self._given["WAIT"])
        while True:
            try:
                return await ask()
            except Gone as error:
                self._tell_once(f"waiting for the board: {error}")
            except Refused as error:
                raise Failed(f"the board refuses: {error}") from None
            patience.check()
            await asyncio.sleep(_POLL_S)

    async def _is_ready(self):
        """True where this package is downloaded already; makes room where something else is."""
        state, _ = await self._patiently(self._device.look)
        if state == IDLE:
            return False
        if state == UPDATING:
            raise UserError("the board is installing an update right now: wait until it is done")
        if state == DOWNLOADED:
            found = await self._patiently(self._device.package)
            if found == (self._package.name, self._package.version):
                self._tell("it is downloaded already")
                return True
            self._tell("another package was downloaded: cancelled")
            await self._patiently(self._device.cancel)
            return False
        if not await self._patiently(self._device.uri):
            self._tell("a push had been begun: given up")
            await self._patiently(self._device.cancel)
        elif "PULL" not in self._given:
            raise UserError(
                "the board is fetching a package; `make update EP=... CANCEL=1` gives that up"
            )
        return False

    async def _set_up(self):
        for name, work in (("SEVERITY", self._device.severity), ("DEFER", self._device.defer)):
            if name in self._given:
                value = int(self._given[name])
                await self._patiently(lambda work=work, value=value: work(value))

    # -- download

    async def _push(self):
        for attempt in range(_PUSHES):
            mark = await self._patiently(self._device.mark)
            try:
                await self._push_once()
                return await self._downloaded()
            except Refused as error:
                if error.code == _INCOMPLETE:  # it has restarted, and knows no block before
                    self._tell("the board has lost the push: once more from the start")
                elif error.code == _UNAVAILABLE:
                    self._tell("the board restarts into its factory copy, which takes the package")
                    await self._marked_again(mark)
                else:
                    raise Failed(await self._why(error)) from None
            except Gone as error:
                if attempt == _PUSHES - 1:
                    raise Failed(f"the push broke off: {error}; PULL=coap resumes") from None
                self._tell(f"the push broke off ({error}): once more from the start")
        raise Failed("the board does not take the package")

    async def _push_once(self):
        total = len(self._package.content)
        start = time.monotonic()
        with Progress("push", total) as bar:
            done = 0

            def on_block(end):
                nonlocal done
                bar.step(min(end, total) - done, f"{min(end, total):,} of {total:,} bytes")
                done = min(end, total)

            self._server.on_block = on_block
            try:
                await self._while_registered(self._device.push(self._package.content, _PUSH_S))
            finally:
                self._server.on_block = None
        self._tell(f"pushed in {time.monotonic() - start:.1f} s")

    async def _while_registered(self, work):
        """Result of work; Gone as soon as the board has another registration.

        A board that has lost power mostly comes from another port, and the server would go on
        with the old one until CoAP gives up.
        """
        number, _ = await self._device.mark()
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait([task], timeout=_WATCH_S))[0]:
                try:
                    changed = (await self._device.mark())[0] != number
                except Gone:
                    continue  # between two registrations
                if changed:
                    raise Gone("it has registered anew")
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _marked_again(self, mark):
        # Until the board that restarts has been heard again.
        end = time.monotonic() + _RESTART_S
        while time.monotonic() < end:
            await asyncio.sleep(_POLL_S)
            try:
                if await self._device.mark() != mark:
                    return
            except Gone:
                pass
        raise Failed(f"the board did not come back within {_RESTART_S} s")

    async def _why(self, error):
        """The text for a refusal, with the result where the board tells one."""
        try:
            _, result = await self._device.look()
        except (Gone, Refused):
            result = INITIAL
        if result not in (INITIAL, SUCCESS):
            return result_text(result)
        return f"the board refuses the package: {error}"

    async def _downloaded(self):
        patience = Patience(self._given["WAIT"])
        while not await self._is_downloaded(patience, 0):
            await asyncio.sleep(_POLL_S)

    async def _is_downloaded(self, patience, fetched):
        """Whether it is there and checked; Failed where it ended otherwise."""
        look = None
        try:
            look = state, result = await self._device.look()
            if state in (DOWNLOADED, UPDATING):
                return True
            if state == IDLE and result not in (INITIAL, SUCCESS):
                raise Failed(result_text(result))
        except Gone as error:
            self._tell_once(f"waiting for the board: {error}")
        except Refused:
            pass  # busy, as in 5.03: it comes again
        patience.check(look, fetched)
        return False

    async def _pull(self):
        offer = await offering.offer(self._server, self._package, self._given["EP"], self._given)
        async with offer:
            state, _ = await self._patiently(self._device.look)
            if state == DOWNLOADING:
                if await self._patiently(self._device.uri) != offer.uri:
                    raise UserError(
                        "it downloads something else; `make update EP=... CANCEL=1` gives that up"
                    )
                self._tell("its download goes on")
            else:
                await self._patiently(lambda: self._device.pull(offer.uri))
            start = time.monotonic()
            await self._follow(offer)
        self._tell(f"fetched in {time.monotonic() - start:.1f} s")

    async def _follow(self, offer):
        total = len(self._package.content)
        patience = Patience(self._given["WAIT"])
        done = 0
        with Progress("pull", total) as bar:
            while True:
                fetched = await offer.fetched()
                bar.step(fetched - done, f"{fetched:,} of {total:,} bytes")
                done = fetched
                if await self._is_downloaded(patience, fetched):
                    return
                await asyncio.sleep(_POLL_S)

    # -- install

    async def _install(self):
        try:
            await self._device.update()
        except Refused as error:
            raise Failed(f"the board does not install it: {error}") from None
        except Gone:
            pass  # it may restart faster than its answer comes
        patience = Patience(self._given["WAIT"])
        more_s = 0
        while True:
            look = None
            try:
                look = state, result = await self._device.look()
                if state == IDLE and result == SUCCESS:
                    return
                if state in (IDLE, DOWNLOADED) and result not in (INITIAL, DEFERRED):
                    raise Failed(result_text(result))
                if state == DOWNLOADED and result == DEFERRED:
                    more_s = int(self._given.get("DEFER", 0))
                    self._tell_once(result_text(result))
                elif state == UPDATING:
                    self._tell_once("the board restarts into it")
            except Gone:
                self._tell_once("the board restarts into it")
            except Refused:
                pass
            patience.check(look, more_s=more_s)
            await asyncio.sleep(_POLL_S)


async def show(device, endpoint, tell):
    """Tells what the board runs and how its update is; Refused, Gone."""
    tell(f"{endpoint} runs {await device.version()}")
    state, result = await device.look()
    text = state_text(state)
    found = await device.package()
    if found is not None:
        text += " %s %s" % found
    tell(f"update: {text}; {result_text(result)}")
