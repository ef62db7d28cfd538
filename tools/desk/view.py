"""The screen as a list of lines, as many and as wide as the terminal has room for."""

PROMPT = "> "


def _registration(state):
    if state.age_s is None:
        return state.status
    location = state.location + (" over DTLS" if state.secure else "")
    return "%s, lifetime %d s, %d s old" % (location, state.lifetime_s, state.age_s)


def _gauge(position, width=21):
    at = round(min(1.0, max(0.0, position)) * (width - 1))
    return "[" + "-" * at + "|" + "-" * (width - 1 - at) + "]"


def _servo(state):
    parts = []
    if state.servo is not None:
        parts.append("%.3f %s" % (state.servo, _gauge(state.servo)))
    if state.pulse_us is not None:
        parts.append("pulse %d us" % state.pulse_us)
    return "  ".join(parts) or "not known yet"


def _facts(state, http_uri):
    temperature = state.temperature_c
    bootstrap = [("bootstrap", state.bootstrap)] if state.bootstrap else []
    return [
        ("board", state.endpoint),
        *bootstrap,
        ("registration", _registration(state)),
        ("temperature", "not reported yet" if temperature is None else "%.2f C" % temperature),
        ("servo", _servo(state)),
        ("led", {None: "not touched yet", True: "on", False: "off"}[state.led]),
        ("HTTP API", http_uri),
    ]


def _printable(text):
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def compose(state, http_uri, typed, columns, rows):
    """Lines of the screen, at most rows of them and none wider than columns.

    The last is the line being typed. In a small terminal the log goes first, then facts from the
    bottom.
    """
    facts = ["%-13s %s" % fact for fact in _facts(state, http_uri)]
    room = max(0, rows - 1)
    lines = facts[:room]
    room -= len(lines)
    if room > 1:
        lines.append("-" * columns)
        shown = list(state.log_lines)[-(room - 1) :]
        lines += shown + [""] * (room - 1 - len(shown))
    lines.append(PROMPT + typed[-max(1, columns - len(PROMPT) - 1) :])
    return [_printable(line)[:columns] for line in lines]
