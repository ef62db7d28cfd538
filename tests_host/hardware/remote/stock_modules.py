"""Takes away the modules that the stock firmware of the simulated board lacks.

They do not import: a replaced `__import__` is what reaches every kind of them, built-in,
extensible and frozen (0.6 us more for each import statement). Like all of stock_*.py it is called
once, before anything else is imported.
"""

import builtins

import_module = builtins.__import__
hidden = []


def import_stock(name, *args):
    if name.split(".")[0] in hidden:
        raise ImportError("no module named '%s'" % name)
    return import_module(name, *args)


def hide(names):
    """`names`: with spaces between them."""
    hidden.extend(names.split())
    builtins.__import__ = import_stock
