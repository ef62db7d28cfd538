"""Nodes of resolved records (senml.Record): at one path or at several, now or at other times."""

from ..errors import CodecError
from ..nodes import MultiResource, ObjectInstance, ObjectNode, Resource, ResourceInstance, Root
from ..paths import format_path
from .convert import to_model


def _tree(records):
    """{object: {instance: {resource: node}}} of records."""
    objects = {}
    for path, kind, value, _ in records:
        resources = objects.setdefault(path[0], {}).setdefault(path[1], {})
        known = resources.get(path[2])
        if len(path) == 3:
            new = Resource(path[2], kind, value)
        else:
            new = known if isinstance(known, MultiResource) else MultiResource(path[2], kind)
        if known is not None and (known is not new or path[3] in known.values):
            raise CodecError("two records of %s" % format_path(path))
        if len(path) == 4:
            new.values[path[3]] = value
        resources[path[2]] = new
    return objects


def _object(oid, instances, models):
    children = [ObjectInstance(iid, list(rows.values())) for iid, rows in instances.items()]
    return to_model(ObjectNode(oid, children), (oid,), models)


def _at(records, path, models):
    """Node at a path of the records below it; types are guessed without a model."""
    tree = _tree(records)
    if not path:
        return Root([_object(oid, tree[oid], models) for oid in tree])
    found = _object(path[0], tree.get(path[0], {}), models)
    if len(path) == 1:
        return found
    resources = found.instances[0].resources if found.instances else []
    if len(path) == 2:
        return ObjectInstance(path[1], resources)
    if not resources and len(path) == 3 and models.is_multiple(path[0], path[2]):
        return MultiResource(path[2], models.type_of(path[0], path[2]) or "STRING")
    if len(resources) != 1:
        raise CodecError("no value for %s" % format_path(path))
    if len(path) == 3:
        return resources[0]
    return ResourceInstance(path[3], resources[0].type, resources[0].values[path[3]])


def _is_below(found, path):
    return found[: len(path)] == path


def _expect_below(records, paths):
    for record in records:
        if not any(_is_below(record.path, path) for path in paths):
            raise CodecError(
                "record of %s is not below %s"
                % (format_path(record.path), " or ".join(map(format_path, paths)))
            )


def _by_time(records):
    """[(time, records)]: without a time first, then from the newest to the oldest."""
    groups = {}
    for record in records:
        groups.setdefault(record.time, []).append(record)
    return sorted(groups.items(), key=lambda group: (group[0] is not None, -(group[0] or 0)))


def node_at(records, path, models):
    """Node of records that came from a path; their times are not looked at."""
    _expect_below(records, (path,))
    return _at(records, path, models)


def timed_nodes_at(records, path, models):
    """[(time, node)] of records that came from a path, the newest first."""
    _expect_below(records, (path,))
    return [
        (moment, _at(group, path, models)) for moment, group in _by_time(records) or [(None, [])]
    ]


def timed_nodes(records, paths, models):
    """[(time, {path: node})] of records that came from several paths, the newest first.

    A path of which no record speaks has None. Without paths each record is a node of its own.
    """
    if paths is None:
        found = []
        for moment, group in _by_time(records):
            nodes = {record.path: _at([record], record.path, models) for record in group}
            if len(nodes) < len(group):
                raise CodecError("two records of one path and time")
            found.append((moment, nodes))
        return found
    _expect_below(records, paths)
    found = []
    for moment, group in _by_time(records) or [(None, [])]:
        nodes = {}
        for path in paths:
            below = [record for record in group if _is_below(record.path, path)]
            nodes[path] = _at(below, path, models) if below else None
        found.append((moment, nodes))
    return found
