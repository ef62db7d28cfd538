"""The error that ends a host program with one line instead of a traceback."""


class UserError(Exception):
    """Something only the caller can put right; the text names the cause and the next step."""
