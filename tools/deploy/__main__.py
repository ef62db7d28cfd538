"""Brings the firmware onto a board, and looks after it: `make deploy` and the targets beside it.

    python -m tools.deploy [deploy|devices|repl|logs|erase] PORT=DEVICE [NAME=value ...]

Without arguments it shows what it takes. Exit status: 0 when it is done, 1 where the board runs
but not as wanted, 2 where nothing could be done, with one line that tells why.
"""

import sys

from tools.deploy import arguments, commands, console
from tools.deploy.deploy import deploy
from tools.errors import UserError


def _run(command, given):
    if command == "deploy":
        return deploy(given)
    if command == "devices":
        return commands.describe(given["PORT"]) if given else commands.devices()
    if command == "repl":
        return commands.repl(given["PORT"])
    if command == "erase":
        return commands.erase(given["PORT"], "ALL" in given, "YES" in given)
    console.logs(given["PORT"], float(given["FOR"]) if "FOR" in given else None, commands.tell)
    return 0


def main(argv):
    command, rest = "deploy", argv
    if argv and argv[0] in arguments.COMMANDS:
        command, rest = argv[0], argv[1:]
    if rest[:1] in (["-h"], ["--help"]) or (command == "deploy" and not rest):
        print(arguments.HELP)
        return 0
    try:
        return _run(command, arguments.parse(command, rest))
    except UserError as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        # The way to end the logs; elsewhere the board has been restarted.
        if command != "logs":
            print(
                f"{command}: interrupted: what is on the board may be a mixture", file=sys.stderr
            )
        return 0 if command == "logs" else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
