"""CoRE link format (RFC 6690) as registrations and discovery use it."""

import re

from .errors import CodecError

_TARGET = re.compile(r"<([^<>\s]*)>")
_NAME = re.compile(r"[!#$&+\-.^_`|~0-9A-Za-z]+\*?")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_TOKEN = re.compile(r"[!#$%&'()*+\-./:<=>?@\[\]^_`{|}~0-9A-Za-z]+")


def _attribute(text, offset):
    name = _NAME.match(text, offset)
    if not name:
        raise CodecError("link format: attribute name expected at character %d" % offset)
    offset = name.end()
    if text[offset : offset + 1] != "=":
        return name.group(), None, offset
    value = _QUOTED.match(text, offset + 1) or _TOKEN.match(text, offset + 1)
    if not value:
        raise CodecError("link format: attribute value expected at character %d" % (offset + 1))
    return name.group(), value.group(), value.end()


def parse_links(payload, limit=2048):
    """List of (target, {attribute: value}) of a payload in bytes.

    Values are as written, with their quotes; an attribute without a value has None.
    Errors: CodecError for anything RFC 6690 does not allow, and for more than limit links.
    """
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise CodecError("link format: not UTF-8")
    links = []
    offset = 0
    while offset < len(text) or links:
        target = _TARGET.match(text, offset)
        if not target:
            raise CodecError("link format: <target> expected at character %d" % offset)
        offset = target.end()
        attributes = {}
        while text[offset : offset + 1] == ";":
            name, value, offset = _attribute(text, offset + 1)
            attributes.setdefault(name, value)
        links.append((target.group(1), attributes))
        if len(links) > limit:
            raise CodecError("link format: more than %d links" % limit)
        if offset == len(text):
            break
        if text[offset] != ",":
            raise CodecError("link format: comma expected at character %d" % offset)
        offset += 1
    return links


def unquoted(value):
    """The value of an attribute without quotes and escapes; "" for None."""
    if value and value[0] == '"':
        return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
    return value or ""


def links_to_json(links):
    """The JSON shape of links in Leshan's API."""
    return [{"url": target, "attributes": dict(attributes)} for target, attributes in links]
