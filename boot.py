"""First on the board: where the application's modules are. Imports nothing of ours."""

import sys

if "lib" not in sys.path:
    sys.path.append("lib")
