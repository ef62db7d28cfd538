"""Object 5000 of the IoTKit example: lets a server end the registration."""

from lwm2m.object import Object


class Control(Object):
    """`deregister()` is called on Execute; it has to leave the answer time to go first."""

    oid = 5000
    resources = ((1, "E", "", "run"),)  # De-register

    def __init__(self, deregister):
        self._deregister = deregister

    def run(self, arguments):
        self._deregister()
