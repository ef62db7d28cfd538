"""States and results of object 5 (OMA Firmware Update 1.1), for people."""

IDLE, DOWNLOADING, DOWNLOADED, UPDATING = range(4)
STATES = ("idle", "downloading", "downloaded", "updating")

INITIAL, SUCCESS = 0, 1
DEFERRED = 11
_RESULTS = {
    0: "no update yet",
    1: "updated",
    2: "no space: the package is larger than the slot, or the board has no second copy "
    "(`make package` and `make devices` show the numbers)",
    3: "the board ran out of memory: try again, with fewer observations or objects",
    4: "the connection was lost during the download: try again",
    5: "the package is damaged or not signed with this board's update key: build it with "
    "KEY_FILE= of the key that the board was provisioned with",
    6: "the package does not fit: made for another board, another MicroPython, or no package "
    "(`make package-info` shows for which)",
    7: "the board cannot find the file: is its URI right and the server reachable?",
    8: "not installed: it is older than what runs, or it did not start, hung or did not register "
    "and the board went back to the version before",
    9: "the board cannot fetch by this protocol: PULL=coap, or push without PULL=",
    10: "cancelled",
    11: "the board is busy and puts it off",
}


def state_text(number):
    """A state in words."""
    return STATES[number] if 0 <= number < len(STATES) else "state %s" % number


def result_text(number):
    """A result in words, with its next step."""
    return "result %s: %s" % (number, _RESULTS.get(number, "not known to this program"))
