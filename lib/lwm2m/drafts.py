"""What a bootstrap has brought so far, looked at: Discover, and whether it is complete."""

from micropython import const

from coap.message import Error

_BAD_REQUEST = const(0x80)  # 4.00
_NOT_FOUND = const(0x84)  # 4.04
_NO_SEC = const(3)  # security mode, see objects/security.py


def discover(session, path):
    """The payload of a Bootstrap-Discover (section 6.1.7.3): all objects or one, never less."""
    if len(path) > 1:
        raise Error(_BAD_REQUEST)
    others = session.client.table
    known = path
    if not path:
        known = [0, 1, 2]
        for each in others.instances:
            if each.oid not in known:
                known.append(each.oid)
    out = "</>;lwm2m=1.1"
    for oid in known:
        instances = (session.table if oid < 3 else others).of(oid)
        if oid > 2 and not instances:
            raise Error(_NOT_FOUND)
        out += ",</%d>" % oid
        if instances and instances[0].version:
            out += ";ver=" + instances[0].version
        for each in instances:
            out += ",</%d/%d>" % (oid, each.iid)
            if oid < 2 and each.short_server_id and (oid or not each.bootstrap):
                out += ";ssid=%d" % each.short_server_id
            if oid == 0:
                out += ';uri="%s"' % each.uri
    return out.encode()


def flaw(drafts):
    """What is wrong with the accounts: a text that names no value, or None."""
    ids = set(), set()
    bootstraps = 0
    for each in drafts:
        oid = each.oid
        if oid > 1:
            continue
        at = "/%d/%d: " % (oid, each.iid)
        if oid == 0:
            mode = each.mode
            scheme, _, host = each.uri.partition("://")
            if mode is None or not host or scheme != ("coap" if mode == _NO_SEC else "coaps"):
                return at + "URI and security mode do not fit"
            if mode != _NO_SEC and not (
                each.identity and each.key and (each.server_key or not mode)
            ):
                return at + "credentials missing"
            if each.bootstrap:
                bootstraps += 1
                continue
        elif None in (each.lifetime_s, each.binding):
            return at + "lifetime or binding missing"
        short_server_id = each.short_server_id
        if not 0 < (short_server_id or 0) < 65535 or short_server_id in ids[oid]:
            return at + "Short Server ID missing, or not unique"
        ids[oid].add(short_server_id)
    if bootstraps > 1:
        return "two Bootstrap-Servers"
    if not ids[0] or ids[0] != ids[1]:
        return "no server, or one that is not in both objects 0 and 1"
    return None
