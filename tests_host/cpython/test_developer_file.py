"""mbed_cloud_dev_credentials.c: C as portals write it, and what is refused."""

import hypothesis.strategies as st
import pytest
from authority import Authority
from hypothesis import given

from tools.errors import UserError
from tools.provision import c_source, certificates, developer_file

PREFIX = "MBED_CLOUD_DEV_"
NAMES = tuple(
    "BOOTSTRAP_ENDPOINT_NAME ACCOUNT_ID BOOTSTRAP_SERVER_URI BOOTSTRAP_DEVICE_CERTIFICATE"
    " BOOTSTRAP_SERVER_ROOT_CA_CERTIFICATE BOOTSTRAP_DEVICE_PRIVATE_KEY".split()
)
URI = "coaps://bootstrap.example.com:5684?aid=0170a2c070bf0000"
# As the example program brings it, to be replaced.
PLACEHOLDER = """\
#ifndef CREDENTIALS_H
#define CREDENTIALS_H
#if MBED_CONF_APP_DEVELOPER_MODE == 1
#warning "This file wants to be replaced"
#endif
#include <inttypes.h>
const char MBED_CLOUD_DEV_BOOTSTRAP_ENDPOINT_NAME[] = "";
const char MBED_CLOUD_DEV_ACCOUNT_ID[] = "";
const char MBED_CLOUD_DEV_BOOTSTRAP_SERVER_URI[] = "";
const uint8_t MBED_CLOUD_DEV_BOOTSTRAP_DEVICE_CERTIFICATE[] = {0x0};
const uint8_t MBED_CLOUD_DEV_BOOTSTRAP_SERVER_ROOT_CA_CERTIFICATE[] = {0x0};
const uint8_t MBED_CLOUD_DEV_BOOTSTRAP_DEVICE_PRIVATE_KEY[] = {0x0};
const char MBED_CLOUD_DEV_MANUFACTURER[] = "dev_manufacturer";
const uint32_t MBED_CLOUD_DEV_MEMORY_TOTAL_KB;
const uint32_t MBED_CLOUD_DEV_BOOTSTRAP_DEVICE_CERTIFICATE_SIZE =
    sizeof(MBED_CLOUD_DEV_BOOTSTRAP_DEVICE_CERTIFICATE);
#endif
"""


def parsed(text):
    return c_source.constants(text, "it", "")


def as_array(data):
    return "{ " + ",\n  ".join(f"0x{byte:02x}" for byte in data) + " }"


def test_declarations():
    cases = (
        ('const char A[] = "x";', b"x"),
        ('static const char A[4] = "a" /* and */ "b" // c\n "c";', b"abc"),
        ('char const A [ ] = u8"\\u00fc";', "\u00fc".encode()),
        ('const char A[] = "\u00fc";', "\u00fc".encode()),
        (
            'const char A[] = "/* no */ // comment; { } \\" \\\\";',
            b'/* no */ // comment; { } " \\',
        ),
        ('const char A[] = "on\\\ne";', b"one"),
        ('const char A[] = "\\n\\t\\0\\x30\\x82\\377\\1012\\?";', b"\n\t\0\x30\x82\xffA2?"),
        (
            'const char A[] = "\\xC3\\xBC\\x7f\\U0001F600";',
            b"\xc3\xbc\x7f" + "\U0001f600".encode(),
        ),
        ("const uint8_t A[] = {0x30, 0x82};", b"\x30\x82"),
        ("const unsigned char A[3] = { 1, 0b10 , 03u, };", b"\1\2\3"),
        ("unsigned char A[]={0XfF,255U,0377};", b"\xff\xff\xff"),
        ("static const unsigned char A[] __attribute__((aligned(4))) = {1};", None),
        ("const uint8_t A[] = {};", b""),
        ("extern const char A[];", None),
        ("const uint32_t A = sizeof(B);", None),
        ('#define A 5\n  # error "no /* end\n const uint8_t A[] = { 1 }; // end', b"\1"),
    )
    for text, expected in cases:
        for source in (text, text.replace("\n", "\r\n")):
            assert parsed(source) == ({} if expected is None else {"A": expected}), source


def test_what_is_no_c_names_its_line_and_none_of_its_text():
    cases = (
        ('\n\nconst char A[] = "s3cret;\n', "line 3: cannot be read"),
        ("/* s3cret", "line 1: cannot be read"),
        ('const char A[] = "s3cret"', "line 1: no semicolon"),
        ("const char A[] = s3cret;", "A: expected strings, or numbers in braces"),
        ("const uint8_t A[] = { 1, s3cret };", "A: expected numbers from 0 to 255"),
        ("const uint8_t A[] = {\n1,\n256 };", "line 3: A: expected numbers from 0 to 255"),
        ("const uint8_t A[] = { 1 2 };", "A: expected a comma"),
        ("const uint8_t A[] = { 08 };", "a number that C does not have"),
        ("const uint8_t A[] = { 'a' };", "A: expected numbers"),
        ("const uint8_t A[] = { -1 };", "A: expected numbers"),
        ("const uint8_t A[1] = { 1, 2 };", "A has more values than its size says"),
        ("const uint8_t A[N] = { 1, 2 };", "A has more values than its size says"),
        ('const char A[] = "1"; const char A[] = "2";', "A is there twice"),
        ('const char A[] = "\\q";', "an escape"),
        ('const char A[] = "\\400";', "an escape in a string above 255"),
        ('const char A[] = "\\x100";', "an escape in a string above 255"),
        ('const char A[] = "\\ud800";', "an escape in a string that is no character"),
    )
    for text, expected in cases:
        with pytest.raises(UserError) as error:
            parsed(text)
        assert expected in str(error.value), text
        assert "s3cret" not in str(error.value) and "\n" not in str(error.value)


SPACES = st.sampled_from(["", " ", "\n", "\t", ' /* , ; " */ ', ' // ; { "\n', "\r\n", "\\\n"])


@st.composite
def declarations(draw):
    """(C text, {name: bytes}): constants written in any way that C allows."""
    text, expected = [], {}
    for number in range(draw(st.integers(0, 4))):
        data = draw(st.binary(max_size=20))
        name = f"NAME_{number}"
        expected[name] = data
        space = lambda: draw(SPACES)  # noqa: E731
        if draw(st.booleans()):
            forms = ["0x%02X", "0x%xU", "%d", "0%o", "%dUL"]
            values = [draw(st.sampled_from(forms)) % byte for byte in data]
            value = "{" + space() + ",".join(space() + each + space() for each in values)
            value += draw(st.sampled_from(["", ","])) * bool(values) + space() + "}"
            kind = draw(st.sampled_from(["const uint8_t", "static const unsigned char"]))
        else:
            cut = draw(st.integers(0, len(data)))
            value = space().join(
                '"' + "".join(_letter(draw, byte) for byte in part) + '"'
                for part in (data[:cut], data[cut:])
            )
            kind = "const char"
        size = draw(st.sampled_from(["", str(len(data) + 1)]))
        text.append(f"{kind} {space()}{name}{space()}[{size}]{space()}={space()}{value}{space()};")
    return draw(SPACES).join(text), expected


def _letter(draw, byte):
    if 32 <= byte < 127 and chr(byte) not in '"\\?' and draw(st.booleans()):
        return chr(byte)
    return "\\%03o" % byte


@given(declarations())
def test_any_spelling_means_the_same(case):
    text, expected = case
    assert parsed(text) == expected


@given(st.text(alphabet="AB[]={}\"\\;,/*#x09 \n'", max_size=60) | st.text(max_size=60))
def test_anything_is_read_or_refused(text):
    try:
        text.encode()
        found = parsed("const char A[] = " + text)
    except (UserError, UnicodeEncodeError):
        return
    assert all(isinstance(value, bytes) for value in found.values())


def filled(authority, **changes):
    """The text of a developer file; `changes` replace values by name, None leaves one out."""
    cert, key = authority.issue("device")
    values = {
        "BOOTSTRAP_ENDPOINT_NAME": '"0170a2c070bf"\n    "0000"',
        "ACCOUNT_ID": '"0170a2c070bf0000000000001001883b"',
        "BOOTSTRAP_SERVER_URI": f'"{URI}"',
        "BOOTSTRAP_DEVICE_CERTIFICATE": as_array(certificates.der(cert)),
        "BOOTSTRAP_SERVER_ROOT_CA_CERTIFICATE": as_array(certificates.der(authority.cert)),
        "BOOTSTRAP_DEVICE_PRIVATE_KEY": as_array(certificates.private_der(key)),
        **changes,
    }
    lines = ["#include <inttypes.h>", "/* made by a test */"]
    for name, value in values.items():
        if value is not None:
            kind = "char" if value.startswith('"') else "uint8_t"
            lines.append(f"const {kind} {PREFIX}{name}[] = {value};")
            lines.append(f"const uint32_t {PREFIX}{name}_SIZE = sizeof({PREFIX}{name});")
    return "\n".join(lines) + "\n"


def test_a_filled_file():
    authority = Authority()
    found = developer_file.parse(filled(authority), "it")
    assert found["endpoint"] == "0170a2c070bf0000"
    assert found["account_id"] == "0170a2c070bf0000000000001001883b"
    assert found["uri"] == URI
    assert certificates.der(found["ca"]) == certificates.der(authority.cert)
    certificates.check_pair("key", found["key"], "cert", found["cert"])


def test_files_that_are_refused(tmp_path):
    authority = Authority()
    cases = [
        (PLACEHOLDER, "the unfilled placeholder: download"),
        ("", "no developer credentials: download"),
        ("int main(void) { return 0; }", "line 1"),
        (filled(authority, BOOTSTRAP_SERVER_URI='"\\xff"'), "BOOTSTRAP_SERVER_URI is no text"),
        (filled(authority)[:-400], "line"),
        *(
            (filled(authority, **{name: value}), f"incomplete, without {PREFIX}{name}: download")
            for name in NAMES
            for value in (None, '""', "{0x0}")
        ),
    ]
    for name in NAMES[3:]:
        broken = filled(authority, **{name: "{ 0x30, 0x82, 0x01 }"})
        cases.append((broken, f"{PREFIX}{name}: no"))
    for text, expected in cases:
        with pytest.raises(UserError) as error:
            developer_file.parse(text, "it")
        assert expected in str(error.value) and "\n" not in str(error.value)
    (tmp_path / "binary.c").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="no text"):
        developer_file.load(tmp_path / "binary.c")
