"""Server and virtual board together, with the temperature and the servo under observation."""

import asyncio
import logging
import tempfile

from tools.errors import UserError
from tools.server import (
    DeskServer,
    GatewayFault,
    InvalidRequest,
    InvalidResponse,
    PortTaken,
    RequestRejected,
    RequestTimeout,
)
from tools.server.nodes import Resource, node_to_json
from tools.server.paths import parse_path

from .board import Board
from .state import SERVO, TEMPERATURE

FAILURES = (InvalidRequest, InvalidResponse, RequestRejected, RequestTimeout)


class _LogLines(logging.Handler):
    """Puts warnings of the server among the lines of the desk, not across its screen."""

    def __init__(self, state):
        super().__init__(logging.WARNING)
        self._state = state

    def emit(self, record):
        self._state.log("server: " + record.getMessage())


class Session:
    """What both the live view and the unattended job work on; use it with "async with".

    Args: coap_port and http_port, 0 for free ones; board_options are further arguments of
    tools.virtual_board; with secured (Secured) there is no CoAP but over DTLS, at coap_port, and
    a Bootstrap-Server beside it.
    Errors: UserError if a port is taken.
    """

    def __init__(self, state, coap_port=0, http_port=0, board_options=(), secured=None):
        self.state = state
        self.secured = secured
        if secured:
            ports = {"coaps_port": coap_port, "bootstraps_port": 0}
            self.server = DeskServer(None, http_port, **ports)
        else:
            self.server = DeskServer(coap_port, http_port)
        self._folder = tempfile.TemporaryDirectory(prefix="desk-")
        self._board_options = board_options
        self.board = None
        self._tasks = set()
        self._log_lines = _LogLines(state)

    async def __aenter__(self):
        logging.getLogger().addHandler(self._log_lines)
        try:
            await self.server.start()
        except (GatewayFault, PortTaken) as fault:
            logging.getLogger().removeHandler(self._log_lines)
            self._folder.cleanup()
            text = str(fault)
            if isinstance(fault, PortTaken):
                text = text.replace("--coaps-port", "--coap-port")  # the desk's name for either
            raise UserError(text) from None
        self.server.listen(self._server_event)
        try:
            options = [*self._account_options(), *self._board_options]
            self.board = Board(self.state.endpoint, options, self.state.board_event)
            await self.board.start()
        except BaseException:
            logging.getLogger().removeHandler(self._log_lines)
            await self.server.stop()
            self._folder.cleanup()
            raise
        return self

    def _account_options(self):
        if self.secured is None:
            return ["--server", self.server.coap_uri]
        self.secured.introduce(self.server)
        return self.secured.board_options(self.server, self._folder.name, self._board_options)

    async def __aexit__(self, *exc):
        for task in list(self._tasks):
            task.cancel()
        try:
            await self.board.stop()
            # the de-registration is told after its answer was sent
            await asyncio.sleep(0)
        finally:
            await self.server.stop()
            self._folder.cleanup()
            logging.getLogger().removeHandler(self._log_lines)

    def _server_event(self, kind, endpoint, data):
        self.state.server_event(kind, endpoint, data)
        if kind == "REGISTRATION" and endpoint == self.state.endpoint:
            self.background(self._observe_both())

    def background(self, work):
        """Runs a coroutine beside everything else; what it raises is logged."""

        async def guarded():
            try:
                await work
            except FAILURES as fault:
                self.state.log("failed: %s" % fault)

        task = asyncio.ensure_future(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _observe_both(self):
        for path in (TEMPERATURE, SERVO):
            response = await self._ask("observe", path)
            if response.success:
                self.state.reported(path, node_to_json(response.node))
            else:
                self.state.log("cannot observe %s: %s" % (path, response.status))

    async def _ask(self, operation, path, *arguments):
        registration = self.server.registry.by_endpoint(self.state.endpoint)
        if registration is None:
            raise InvalidRequest("the board is not registered")
        method = getattr(self.server.operations, operation)
        return await method(registration, parse_path(path), *arguments)

    async def read(self, path):
        """The Response to a read of a path."""
        return await self._ask("read", path)

    async def move_servo(self, position):
        """The Response to a write of the servo's position, 0..1."""
        path = parse_path(SERVO)
        return await self._ask("write", SERVO, Resource(path[-1], "FLOAT", position))

    async def press(self):
        """Presses the user button for a moment."""
        self.board.world(button=True)
        await asyncio.sleep(0.2)
        self.board.world(button=False)
