"""What the codecs of SenML in JSON and in CBOR do alike."""

from . import senml, senml_nodes


class SenmlCodec:
    """A codec of dumps(records) -> bytes and loads(bytes) -> records, by the labels of JSON."""

    def __init__(self, dumps, loads):
        self._dumps = dumps
        self._loads = loads

    def encode(self, node, path, models):
        """Payload of a node for a request to a path; values take the types of the model."""
        return self._dumps(senml.records(node, path, models))

    def encode_nodes(self, nodes, models):
        """Payload of {path: node}."""
        return self._dumps(senml.records_of_nodes(nodes, models))

    def encode_paths(self, paths):
        """Payload that names paths and no values."""
        return self._dumps(senml.records_of_paths(paths))

    def _records(self, payload, models):
        return senml.resolve(self._loads(payload), models)

    def decode(self, payload, path, models):
        """Node of a payload that came from a path."""
        return senml_nodes.node_at(self._records(payload, models), path, models)

    def decode_timed(self, payload, path, models):
        """[(time, node)] of a payload that came from a path, the newest first."""
        return senml_nodes.timed_nodes_at(self._records(payload, models), path, models)

    def decode_nodes(self, payload, paths, models):
        """[(time, {path: node})] of a payload, the newest first; paths None: one per record."""
        return senml_nodes.timed_nodes(self._records(payload, models), paths, models)
