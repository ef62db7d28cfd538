"""First on the board: where the application's modules are."""

import sys

if "lib" not in sys.path:
    sys.path.append("lib")

try:
    import packed  # noqa: F401 - puts the modules of app.pack onto the path, where there is one
except ImportError:
    pass
