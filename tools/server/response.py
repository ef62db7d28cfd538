"""The answer of a client and its JSON shape in Leshan's API."""

from dataclasses import dataclass

from .linkformat import links_to_json
from .nodes import node_to_json, nodes_to_json

_NAMES = {
    "2.01": "CREATED",
    "2.02": "DELETED",
    "2.04": "CHANGED",
    "2.05": "CONTENT",
    "4.00": "BAD_REQUEST",
    "4.01": "UNAUTHORIZED",
    "4.03": "FORBIDDEN",
    "4.04": "NOT_FOUND",
    "4.05": "METHOD_NOT_ALLOWED",
    "4.06": "NOT_ACCEPTABLE",
    "4.08": "REQUEST_ENTITY_INCOMPLETE",
    "4.12": "PRECONDITION_FAILED",
    "4.13": "REQUEST_ENTITY_TOO_LARGE",
    "4.15": "UNSUPPORTED_CONTENT_FORMAT",
    "5.00": "INTERNAL_SERVER_ERROR",
}


def code_of(message):
    """The code of a CoAP message as text, like "2.05"."""
    return "%d.%02d" % (message.code >> 5, message.code & 31)


@dataclass
class Response:
    """A client's answer. code is CoAP's ("2.05"); the rest as the operation has.

    node is what was read at one path, nodes {path: node} at several. timed has all that came,
    [(seconds since 1970 or None, node or nodes)] with the newest first, if any had a time.
    """

    code: str
    node: object = None
    nodes: dict | None = None
    timed: list | None = None
    links: list | None = None
    location: str | None = None
    error: str = ""

    @property
    def success(self):
        """True for codes of class 2."""
        return self.code[0] == "2"

    @property
    def status(self):
        """Text of the code as Leshan writes it, like "CONTENT(205)"."""
        return "%s(%s)" % (_NAMES.get(self.code, "UNKNOWN"), self.code.replace(".", ""))

    def to_json(self):
        """The JSON shape of a response in Leshan's API."""
        data = {
            "status": self.status,
            "valid": self.code in _NAMES,
            "success": self.success,
            "failure": not self.success,
        }
        if self.node is not None:
            data["content"] = node_to_json(self.node)
        if self.nodes is not None:
            data["content"] = nodes_to_json(self.nodes)
        if self.links is not None:
            data["objectLinks"] = links_to_json(self.links)
        if self.location is not None:
            data["location"] = self.location
        if not self.success and self.error:
            data["errormessage"] = self.error
        return data


def content_to_json(content):
    """The JSON shape of a node, or of {path: node}."""
    return nodes_to_json(content) if isinstance(content, dict) else node_to_json(content)


def timed_to_json(timed):
    """The JSON shape of [(time, node or nodes)]; timestamps are milliseconds since 1970."""
    return [
        {
            "timestamp": None if moment is None else round(moment * 1000),
            "val": content_to_json(content),
        }
        for moment, content in timed
    ]
