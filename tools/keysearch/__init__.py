"""Finds out whether a key that a test run used got out: into a log, a file, an answer.

The run writes the keys it makes into a file (`notes.py`); all that it wrote or printed is kept
in one folder (`run.py`) and searched for each of them, in each of the ways in which a program
is likely to write bytes down (`forms.py`, `search.py`). The one place where a key may be found
is a store of credentials. `python -m tools.keysearch COMMAND ...` runs a command like that.
"""
