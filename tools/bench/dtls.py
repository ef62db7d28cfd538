"""The heap that a session over DTLS with a pre-shared key takes, and what that is on a board."""

from tools.bench import heap, mbedtls, secure, wire
from tools.bench.figures import Figure, Result

# What objects take in 32 bits, of what they take in 64: from measurements of both.
_LOW, _HIGH = 0.67, 0.71


def on_a_board(kib, mock_bytes, peak):
    """Bytes of a board's heap as (low, high), for `kib` here of which the mock has its share."""
    python = kib * 1024 - mock_bytes
    beside = mbedtls.RECORD_BUFFERS + peak.handshake
    return round(python * _LOW) + beside, round(python * _HIGH) + beside


def measure(workshop, progress, count=1000, step=2):
    peak = mbedtls.measure()
    told = "measured now with valgrind"
    if peak is None:
        peak = mbedtls.STATED
        told = "as measured on x86-64: valgrind is not there to measure it again"
    progress(f"mbedTLS: {peak.handshake} bytes at the peak, {peak.session} for a session")
    found = heap.search(
        "the firmware with DTLS",
        lambda port, size: secure.board(workshop, port, size),
        wire.CONTENT,
        count,
        progress,
        128,
        64,
        step,
    )
    low, high = on_a_board(found, heap.mock_share_bytes(workshop), peak)
    figures = {
        "secure_heap": Figure(found),
        "record_buffers": Figure(mbedtls.RECORD_BUFFERS),
        "handshake": Figure(peak.handshake),
        "secure_board": Figure(high, (low, high)),
    }
    notes = [
        f"DTLS: mbedTLS is {told}; it keeps {peak.session} bytes while the session lives, and "
        f"needs {peak.largest} in one piece",
        f"DTLS: 32 bits are {_LOW}-{_HIGH} of 64, simulated hardware and mbedTLS left out",
    ]
    return Result(figures, notes)
