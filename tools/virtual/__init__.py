"""The parts of the virtual board: `tools/virtual_board.py` puts them together."""
