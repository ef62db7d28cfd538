"""Brings the firmware onto a board over its serial line, and looks after it there."""
