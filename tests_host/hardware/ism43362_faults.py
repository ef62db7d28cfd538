"""What can go wrong in a transaction with the simulated Wi-Fi module, by name.

"join"     C0: the join fails
"usage"    nothing is done, the answer is an ERROR with usage
"closed"   R0, S3: the socket is closed, -1
"again"    S3: nothing sent, 0
"empty"    R0: no data, whatever is there
"stale"    D0: the address of the name asked before, as firmware C3 does
"late"     the answer comes `late_ms` later
"garbage"  some bytes of the answer are others
"cut"      the answer ends too early
"storm"    DRDY stays high and 0x15 is read, until a reset
"stuck"    DRDY does not rise any more, until a reset
"reset"    the module starts anew and has forgotten everything; its prompt comes as the answer
"""

NAMES = (
    "join",
    "usage",
    "closed",
    "again",
    "empty",
    "stale",
    "late",
    "garbage",
    "cut",
    "storm",
    "stuck",
    "reset",
)
# Faults of certain commands; by chance they are "usage" of any other.
ONLY = {
    "join": (b"C0",),
    "closed": (b"R0", b"S3"),
    "again": (b"S3",),
    "empty": (b"R0",),
    "stale": (b"D0",),
}
# Of 100 transactions that fail by chance: those without a cure but a reset are rare.
_CHANCES = (
    ("usage", 30),
    ("garbage", 20),
    ("cut", 15),
    ("late", 15),
    ("empty", 6),
    ("again", 6),
    ("closed", 4),
    ("join", 1),
    ("storm", 1),
    ("stuck", 1),
    ("reset", 1),
)


class Faults:
    """`share` (0 to 1) of all transactions fail by chance; `counts` tells how many of each did."""

    late_ms = 400

    def __init__(self, seed=1):
        self.share = 0
        self.seed(seed)
        self.counts = {}
        self._planned = []

    def seed(self, number):
        """Begins the row of chances that has this number."""
        self._state = number & 0x7FFFFFFF
        for _ in range(4):  # small numbers begin alike
            self._below(1)

    def _below(self, limit):
        # The same on every interpreter, unlike `random`.
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) % limit

    def add(self, name, command=b"", times=1, after=0):
        """The next `times` transactions whose command begins with `command` fail, but for the
        first `after` ones.
        """
        if name not in NAMES:
            raise ValueError("fault %r: expected one of %s" % (name, ", ".join(NAMES)))
        self._planned.append([name, command, times, after])

    def clear(self):
        """Forgets what was planned; nothing fails by chance."""
        self._planned = []
        self.share = 0

    def choose(self, command):
        """The name of what happens to this command, or None."""
        name = self._plan(command) or self._chance(command)
        if name:
            self.counts[name] = self.counts.get(name, 0) + 1
        return name

    def _plan(self, command):
        for plan in self._planned:
            if command.startswith(plan[1]):
                if plan[3]:
                    plan[3] -= 1
                    continue
                plan[2] -= 1
                if plan[2] <= 0:
                    self._planned.remove(plan)
                return plan[0]
        return None

    def _chance(self, command):
        if not self.share or self._below(10000) >= self.share * 10000:
            return None
        number = self._below(100)
        for name, chances in _CHANCES:
            number -= chances
            if number < 0:
                if command == b"C0" and name == "stuck":
                    return "join"  # else it would be a minute before anybody gives it up
                return name if command[:2] in ONLY.get(name, (command[:2],)) else "usage"
        return None

    def refusal(self, fault):
        """The answer of a command that is not obeyed, or None."""
        return b"\r\nERROR: Usage: ?=<0..n>\r\n> " if fault == "usage" else None

    def spoil(self, fault, answer):
        """What the host gets of an answer."""
        if fault == "cut":
            return answer[: 1 + self._below(len(answer) - 1)]
        if fault == "garbage":
            answer = bytearray(answer)
            for _ in range(1 + self._below(3)):
                answer[self._below(len(answer))] ^= 1 + self._below(255)
            return bytes(answer)
        return answer
