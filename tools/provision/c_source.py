"""The constants of a C file that holds nothing else: arrays of bytes and strings.

    const char NAME[] = "one " "two";
    const uint8_t NAME[] = { 0x30, 0x82 };

Enough of C for files that a portal has generated. Preprocessor lines are passed over, and so is
every declaration of something else. What is wrong is told with its line and without its text,
for that may belong to a key.
"""

import re

from tools.errors import UserError

_TOKEN = re.compile(
    r"""
    (?P<space>\s+ | //[^\n]* | /\*.*?\*/)
  | (?P<directive>\#[^\n]*)
  | (?P<string>(?:u8)?"(?:[^"\\\n]|\\.)*")
  | (?P<word>[A-Za-z_]\w*)
  | (?P<number>[0-9]\w*)
  | (?P<sign>[\[\]{}()=;,*:?<>!&|^~.+%'-] | /(?![*/]))
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(
    r"\\(?:(?P<simple>[ntrabfv\\'\"?])|(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9A-Fa-f]+)"
    r"|u(?P<short>[0-9A-Fa-f]{4})|U(?P<long>[0-9A-Fa-f]{8})|(?P<unknown>.))",
    re.DOTALL,
)
_SIMPLE = {"n": 10, "t": 9, "r": 13, "a": 7, "b": 8, "f": 12, "v": 11}
_NUMBER = re.compile(r"(0[xX][0-9A-Fa-f]+|0[bB][01]+|[0-9]+)[uUlL]{0,3}", re.ASCII)


class _Source:
    def __init__(self, shown, text):
        self._shown = shown
        text = text.replace("\r\n", "\n").replace("\\\n", "")  # lines that go on
        self.tokens = []  # (kind, text, line)
        at, line = 0, 1
        while at < len(text):
            match = _TOKEN.match(text, at)
            if not match:
                self.fail(line, "cannot be read: something is not closed or is not C")
            kind, piece = match.lastgroup, match[0]
            if kind not in ("space", "directive"):
                self.tokens.append((kind, piece, line))
            line += piece.count("\n")
            at = match.end()

    def fail(self, line, cause):
        raise UserError(f"{self._shown} line {line}: {cause}")

    def statements(self):
        """Lists of tokens, without their semicolons."""
        statement = []
        for token in self.tokens:
            if token[1] == ";":
                yield statement
                statement = []
            else:
                statement.append(token)
        if statement:
            self.fail(statement[0][2], "no semicolon at the end: the file is cut off")


def constants(text, shown, prefix):
    """{name: bytes} of the arrays whose names begin with the prefix; UserError.

    A string is there without the NUL at its end. `shown` stands for the file in errors.
    """
    source = _Source(shown, text)
    found = {}
    for statement in source.statements():
        declared = _array(statement)
        if declared is None:
            continue
        name, size, start, line = declared
        if not name.startswith(prefix):
            continue
        if name in found:
            source.fail(line, f"{name} is there twice: which one counts?")
        value = _value(source, name, statement[start:], line)
        if size is not None:
            match = _NUMBER.fullmatch(size)
            if not match or _integer(source, match, line) < len(value):
                source.fail(line, f"{name} has more values than its size says")
        found[name] = value
    return found


def _array(statement):
    # (name, size or None, index of what follows "=", line) of `... NAME[size] = ...`
    texts = [token[1] for token in statement]
    if "[" not in texts:
        return None
    opening = texts.index("[")
    if opening < 1 or statement[opening - 1][0] != "word":
        return None
    size, rest = None, opening + 1
    if texts[rest : rest + 1] != ["]"]:
        size, rest = texts[rest] if rest < len(texts) else "", rest + 1
    if texts[rest : rest + 2] != ["]", "="]:
        return None  # without a value: declared only
    kind, name, line = statement[opening - 1]
    return name, size, rest + 2, line


def _value(source, name, tokens, line):
    if tokens and all(kind == "string" for kind, _, _ in tokens):
        return b"".join(_string(source, text, at) for _, text, at in tokens)
    texts = [text for _, text, _ in tokens]
    if texts[:1] != ["{"] or texts[-1:] != ["}"]:
        source.fail(line, f"{name}: expected strings, or numbers in braces")
    values = bytearray()
    inner = tokens[1:-1]
    for number, (_, text, at) in enumerate(inner):
        if number % 2:
            if text != ",":
                source.fail(at, f"{name}: expected a comma between numbers")
            continue
        match = _NUMBER.fullmatch(text)
        value = _integer(source, match, at) if match else 256
        if value > 255:
            source.fail(at, f"{name}: expected numbers from 0 to 255")
        values.append(value)
    return bytes(values)


def _integer(source, match, line):
    digits = match[1]
    try:
        if digits[:2] in ("0x", "0X", "0b", "0B"):
            return int(digits, 0)
        return int(digits, 8 if digits[0] == "0" else 10)
    except ValueError:  # 08, or more digits than Python takes
        source.fail(line, "a number that C does not have")


def _string(source, text, line):
    def replaced(match):
        kind, piece = match.lastgroup, match[match.lastgroup]
        if kind == "simple":
            code = _SIMPLE.get(piece, ord(piece))
        elif kind == "octal":
            code = int(piece, 8)
        elif kind == "hex":
            code = int(piece, 16) if len(piece) < 8 else 256
        elif kind == "unknown":
            source.fail(line, "an escape in a string that C does not have")
        else:
            number = int(piece, 16)
            if number > 0x10FFFF or 0xD800 <= number < 0xE000:
                source.fail(line, "an escape in a string that is no character")
            return chr(number)
        if code > 255:
            source.fail(line, "an escape in a string above 255")
        # Bytes and not characters: apart from the text until both are joined.
        return chr(0xDC00 + code) if code > 127 else chr(code)

    body = text[text.index('"') + 1 : -1]
    return _ESCAPE.sub(replaced, body).encode("utf-8", "surrogateescape")
