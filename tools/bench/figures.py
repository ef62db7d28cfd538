"""The rows of the table: what is measured and what it is held against."""

import statistics
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """One row; a figure is good when it is at most its bar, or at least where `more` is set."""

    key: str
    what: str
    unit: str
    first_bar: float | None = None
    goal: float | None = None
    more: bool = False
    decimals: int = 0
    goal_text: str = ""  # where the goal is no number

    def reached(self, value):
        """What the value is good enough for: "goal", "first bar", "neither" or ""."""
        if self.first_bar is None:
            return ""
        for name, bar in (("goal", self.goal), ("first bar", self.first_bar)):
            if bar is not None and (value >= bar if self.more else value <= bar):
                return name
        return "neither"

    def number(self, value):
        return f"{value:.{self.decimals}f}"


ROWS = (
    Row(
        "read_share",
        "reads of /3303/0/5700, share of an echo",
        "",
        first_bar=0.35,
        goal=0.70,
        more=True,
        decimals=2,
    ),
    Row("echo_rate", "  bare echo: datagrams", "/s"),
    Row("read_rate", "  firmware: reads", "/s"),
    Row("echo_cpu", "  bare echo: CPU time per datagram", "us", decimals=1),
    Row("read_cpu", "  firmware: CPU time per read", "us", decimals=1),
    Row("echo_cpu_alone", "  bare echo: the same, each alone", "us", decimals=1),
    Row("read_cpu_alone", "  firmware: the same, each alone", "us", decimals=1),
    Row("allocated", "allocated per read, sockets left out", "B", first_bar=1000, goal=300),
    Row(
        "smallest_heap",
        "smallest heap that serves 1000 reads",
        "KiB",
        first_bar=96,
        goal=56,
    ),
    Row("free_heap", "  free after start in a heap of 96 KiB", "KiB", decimals=1),
    Row("free_larger", "  free after start in a heap of 128 KiB", "KiB", decimals=1),
    Row("mock_share", "  of it held by the mock hardware", "KiB", decimals=1),
    Row("echo_heap", "  bare echo: smallest heap", "KiB"),
    Row("secure_heap", "smallest heap with DTLS-PSK, 1000 reads", "KiB"),
    Row("record_buffers", "  beside it: record buffers", "B"),
    Row("handshake", "  beside it: handshake at its peak", "B"),
    Row("secure_board", "  all of it on the F429ZI (32 bits)", "B", first_bar=98000),
    Row("update_peak", "update of 40 KB, over the idle client", "B", first_bar=12 * 1024),
    Row("update_free", "  free while idle, enough to update", "B"),
    Row("installed", "installed on a board, all files", "B", first_bar=64 * 1024, goal=40 * 1024),
    Row("deployed", "  deployed onto the F429ZI", "B", first_bar=64 * 1024, goal=40 * 1024),
    Row("deployed_l475", "  deployed onto the L475", "B"),
    Row("libraries", "lib/coap and lib/lwm2m", "B", first_bar=44 * 1024, goal=28 * 1024),
    Row("register", "Register, one datagram", "B", first_bar=220, goal_text="fewest"),
    Row("register_all", "  with all objects", "B", first_bar=300, goal_text="fewest"),
)


@dataclass(frozen=True)
class Figure:
    """A measured value; `spread` is (low, high) or None."""

    value: float
    spread: tuple[float, float] | None = None


@dataclass
class Result:
    """What a measurement found: figures by the key of their row, and lines to be read."""

    figures: dict[str, Figure] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def median(values):
    """The median as a Figure; its spread is the middle half of the values."""
    values = sorted(values)
    if len(values) < 2:
        return Figure(values[0], (values[0], values[0]))
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Figure(middle, (low, high))
