"""boot.json: the pins that the board needs before anything of the application is loaded.

The user button chooses the factory's copy while the led is lit at the start (docs/update.md). Only
a board with slots has one; a test compares the names with those of the board's own file.
"""

import json

NAME = "boot.json"
_PINS = {
    "nucleo_f429zi": {"led": "PB0", "button": "PC13", "level": 1},
    "b_l475e_iot01a": {"led": "PA5", "button": "PC13", "level": 0},
}


def content(board):
    """The bytes of the file for the board with this name, None where it needs none."""
    pins = _PINS.get(board)
    return None if pins is None else json.dumps(pins).encode()
