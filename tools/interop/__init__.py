"""The interoperability suite: real boards (virtual ones) against Leshan and the desk server.

The tests are in tests_host/interop; here is what they need: both servers, the tap on the wire, a
client of the HTTP API they share, and the writer of docs/conformance.md.
"""
