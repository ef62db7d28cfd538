"""Takes PSK away: `tls.SSLContext` has none of the attributes for it before MicroPython v1.29."""

import sys

_PSK = ("psk_identity", "psk_key", "server_psk_keys")


def hide():
    import tls

    context_class = tls.SSLContext

    # A subclass does not do: the attributes are answered by the native type's own code.
    class SSLContext:
        def __init__(self, protocol):
            object.__setattr__(self, "_context", context_class(protocol))

        def __getattr__(self, name):
            if name in _PSK:
                raise AttributeError("'SSLContext' object has no attribute '%s'" % name)
            return getattr(self._context, name)

        def __setattr__(self, name, value):
            if name in _PSK:
                raise AttributeError("'SSLContext' object has no attribute '%s'" % name)
            setattr(self._context, name, value)

    class Module:
        pass

    # The module itself is read-only: an object with the same names stands in for it.
    stand_in = Module()
    for name in dir(tls):
        if not name.startswith("__"):
            setattr(stand_in, name, getattr(tls, name))
    stand_in.SSLContext = SSLContext
    sys.modules["tls"] = stand_in
