"""The pages for people: their links lead somewhere, and what they name is there."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from firmware import config
from firmware.boards import b_l475e_iot01a, nucleo_f429zi
from tools.install import BLOCKS, ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DRAWINGS = {"nucleo_f429zi": nucleo_f429zi, "b_l475e_iot01a": b_l475e_iot01a}
# Arduino names of the boards' headers: those of the servo and of the shield's I2C.
SERVO = {"nucleo_f429zi": ("D10", "PD14"), "b_l475e_iot01a": ("D9", "PA15")}

# Files that the pages tell a reader to write.
TO_WRITE = ("firmware/objects/presence.py", "tests_host/test_something.py")


def without_code(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(page):
    """As GitHub makes them of headings."""
    found = {}
    for heading in re.findall(r"^#+ (.*)$", without_code(page.read_text()), re.MULTILINE):
        text = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        count = found.get(name, -1) + 1
        found[name] = count
        yield f"{name}-{count}" if count else name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text()))
    for link in links:
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in set(anchors(target)), f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_named_is_there(page):
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for target in re.findall(r"(?:`|^|\n)make ([a-z][a-z-]*)\b(?!=)", text):
        assert target in targets, f"{page.name}: make {target}"
    for module in re.findall(r"python -m (tools[\w.]*)", text):
        path = ROOT / module.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").exists(), f"{page.name}: {module}"
    for path in re.findall(r"`((?:firmware|lib|tools|tests_host)/[\w/]+\.py)`", text):
        if path not in TO_WRITE:
            assert (ROOT / path).exists(), f"{page.name}: {path}"


def test_every_page_is_named_in_the_readme():
    text = (ROOT / "README.md").read_text()
    for page in PAGES[1:]:
        assert f"docs/{page.name}" in text, page.name


def test_every_key_of_the_configuration_is_explained():
    text = (ROOT / "docs" / "configuration.md").read_text()
    explained = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    keys = {"board", "endpoint", "server", *config._DEFAULTS}
    assert keys <= set(explained)


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_show_the_pins_of_the_board_files(name):
    file = ROOT / "docs" / f"{name.replace('_', '-')}.svg"
    tree = ElementTree.parse(file)
    shown = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")]
    source = (ROOT / "firmware" / "boards" / f"{name}.py").read_text()
    arduino, pin = SERVO[name]
    assert f'Pin("{pin}")' in source
    # In the drawing a header's name comes first, then the MCU's.
    assert shown[shown.index(arduino) + 1] == pin
    led = re.search(r'Pin\("(P\w+)", Pin.OUT, value=0\)', source)[1]
    button = re.search(r'pin = Pin\("(P\w+)", Pin.IN\)', source)[1]
    assert {led, button} <= set(shown)
    assert (shown[shown.index("D15") + 1], shown[shown.index("D14") + 1]) == ("PB8", "PB9")
    assert "SCL PB8, SDA PB9" in source
    page = (ROOT / "docs" / "boards.md").read_text()
    assert f"]({file.name})" in page and f"`{name}`" in page
    rows = page.partition(f"({file.name})")[2].partition("### Installing")[0]
    for named in (pin, led, button):
        assert re.search(rf"^\| [^|]*\| [^|]*\| {named} \|", rows, re.MULTILINE), named


def test_the_boards_file_systems():
    row = next(
        line
        for line in (ROOT / "docs" / "boards.md").read_text().splitlines()
        if line.startswith("| file system |")
    )
    for name in DRAWINGS:
        assert f"{BLOCKS[name]} blocks" in row
