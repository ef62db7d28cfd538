"""NAME=value, as all targets with options take them."""

import re

from tools.errors import UserError


def values(arguments, names, target, secret=None):
    """{name: value} of what was given for `make target`; UserError without any value in it.

    Values are not repeated in errors: a key in the wrong place would be shown. `secret` are names
    under which somebody may give a key itself, each with the option for the file of it.
    """
    given = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or not re.fullmatch("[A-Z_]+", name):
            raise UserError(f"expected NAME=value; `make {target}` alone shows the names")
        if secret and name in secret:
            raise UserError(
                f"{name}=: other programs can see a key on the command line: put it into a file "
                f"and give {secret[name]}; a key that was typed here is better made anew"
            )
        if name not in names:
            raise UserError(f"{name}= is unknown; known are {', '.join(names)}")
        if name in given:
            raise UserError(f"{name}= is there twice: leave one out")
        if not value:
            raise UserError(f"{name}= is empty: give a value or leave it out")
        given[name] = value
    return given


def switches(given, names, default="0"):
    """Checks that each of these is 1 or 0 where it was given; the default is as if it was not."""
    for name in names:
        if given.get(name) not in (None, "0", "1"):
            raise UserError(f"{name}=: expected 1 or 0")
        if given.get(name) == default:
            del given[name]
