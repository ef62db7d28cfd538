"""Second on the board: starts the application. Ctrl-C on the console ends it."""

from firmware import once
from firmware.app import run

exit_status = run()
try:
    once("repl", "offer")  # its functions at the prompt: docs/repl.md
except (ImportError, MemoryError) as error:
    print("no functions at the prompt:", error)
