"""Brings a firmware package onto a registered board, over the HTTP API of its LwM2M server.

arguments (the command line), package (what the file says of itself), api (the server's HTTP API),
offer (where the board fetches the file), device (object 5 of the board), course (from the first
question to the new version), words (states, results and what to do).
"""
