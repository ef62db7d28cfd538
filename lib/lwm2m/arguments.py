"""The arguments of an Execute (TS 1.1.1 Core section 6.3.5): 0='value',1"""

from micropython import const

from coap.message import Error

_BAD_REQUEST = const(0x80)  # 4.00


def text(payload):
    """The arguments in a payload as text; Error 4.00 where `parse()` does not take it."""
    try:
        arguments = str(payload, "utf-8")
        parse(arguments)
        return arguments
    except ValueError:
        raise Error(_BAD_REQUEST, "arguments look like 0='value',1")


def parse(arguments):
    """{digit: value} of the text that a method gets, None for an argument without a value.

    ValueError where it is none: digits occur once, and the characters of a value are the
    visible ones of ASCII but for both quotes and the backslash; there is no space among them.
    """
    found = {}
    more = arguments
    while more:
        digit = int(arguments[:1].encode())
        value = None
        rest = arguments[1:]
        if rest[:2] == "='":
            end = rest.index("'", 2)
            value = rest[2:end]
            rest = rest[end + 1 :]
            for letter in value:
                if not "!" <= letter <= "~" or letter in '"\\':
                    raise ValueError
        more = rest[:1]
        if digit in found or more not in ",":
            raise ValueError
        found[digit] = value
        arguments = rest[1:]
    return found
