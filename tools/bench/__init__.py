"""Measures the firmware against the figures it has to reach: `python -m tools.bench`.

`figures.py` holds the rows with their bars, `rate.py`, `allocations.py`, `heap.py`, `sizes.py` and
`registration.py` measure one thing each, `table.py` shows the result. What runs under MicroPython
is in `device/`.
"""
