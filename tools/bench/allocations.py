"""Bytes of heap that a read allocates in the client, from the datagram in to the datagram out."""

from tools.bench import wire
from tools.bench.figures import Result, median
from tools.bench.processes import micropython
from tools.errors import UserError

_READS = 100
_HEAP = "1m"  # nothing is collected meanwhile


def measure(workshop, progress, runs=5):
    code = f"import allocations; allocations.run({wire.READ_OPTIONS.hex()!r}, {runs})"
    flash = workshop.flash(scripts=True)
    with micropython("the count of allocations", _HEAP, flash, code) as process:
        output = process.wait()
    totals = [
        int(line.split()[1]) for line in output.splitlines() if line.startswith("allocated ")
    ]
    if len(totals) != runs:
        raise UserError(f"the count of allocations printed {len(totals)} of {runs} results")
    progress(f"{runs} times {_READS} reads")
    note = f"allocated: {runs} times {_READS} reads of the same resource, 64-bit, gc disabled"
    return Result({"allocated": median([total / _READS for total in totals])}, [note])
