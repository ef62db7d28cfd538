"""Packages with a new version of the application: made, signed and shown.

`form.py` is the file's layout, `build.py` compiles what goes into one, `key.py` keeps the key
that signs it. What a board checks of it is firmware/package.py.
"""
