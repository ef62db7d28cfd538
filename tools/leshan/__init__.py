"""LwM2M server and bootstrap server with the stack of Eclipse Leshan, to try the client against.

Leshan's demo server is not on Maven Central, its libraries are: `java/` is a small front with the
demo's HTTP API on top of them. `fetch` gets the libraries and compiles, `server` runs it.
"""
