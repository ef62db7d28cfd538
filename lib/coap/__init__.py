"""CoAP without waiting: bytes in, bytes out (RFC 7252, RFC 7641, RFC 7959)."""
