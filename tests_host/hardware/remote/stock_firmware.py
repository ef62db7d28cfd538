"""Takes away what the unix port has and the stock firmware of the simulated board lacks.

Hidden modules do not import: a replaced `__import__` is what reaches every kind of them,
built-in, extensible and frozen (0.6 us more for each import statement). Without PSK,
`tls.SSLContext` has none of the attributes for it, as before MicroPython v1.29. Without an
interface of `network`, sockets can be made and do nothing but raise OSError.
"""

import sys

_PSK = ("psk_identity", "psk_key", "server_psk_keys")


def _hide_modules(hidden):
    import builtins

    import_module = builtins.__import__

    def import_stock(name, *args):
        if name.split(".")[0] in hidden:
            raise ImportError("no module named '%s'" % name)
        return import_module(name, *args)

    builtins.__import__ = import_stock


def _hide_psk():
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


def _hide_sockets():
    import socket

    def no_nic(*args, **kw):
        raise OSError("no available NIC")

    class Socket:
        def __init__(self, *args):
            pass

        def __getattr__(self, name):
            return no_nic

        def close(self):
            pass

    class Module:
        pass

    stand_in = Module()
    for name in dir(socket):
        if not name.startswith("__"):
            setattr(stand_in, name, getattr(socket, name))
    stand_in.socket = Socket
    stand_in.getaddrinfo = no_nic
    sys.modules["socket"] = stand_in


def apply(hidden="", has_psk=True, has_interface=True):
    """To be called once, before anything else is imported; `hidden`: names with spaces."""
    if not has_interface:
        _hide_sockets()
    if not has_psk:
        _hide_psk()
    if hidden:
        _hide_modules(tuple(hidden.split()))
