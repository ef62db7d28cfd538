"""An update over the air from end to end: `make update`, desk server, virtual board."""

import asyncio

import pytest
from update_boards import BOARD, Packages, Site, factory

from tools.package import build
from tools.update.course import Failed

FACTORY = "0.1.0"

# What is wrong with an application, by what a server sees of it.
CRASHES = {"firmware/app.py": ((r"^def run\(", 'raise ValueError("broken")\n\n\ndef run('),)}
HANGS = {
    "firmware/app.py": (
        (
            r"^def run\(feed=None\):\n",
            "def run(feed=None):\n    while feed:\n        pass\n\n\ndef begin(feed):\n",
        ),
    )
}
NEVER_REGISTERS = {
    "firmware/connection.py": ((r"await self\.app\.network\(\)$", "await asyncio.sleep(1000)"),)
}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return factory(tmp_path_factory.mktemp("factory"))


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    return Packages(tmp_path_factory.mktemp("packages"))


def run(work, timeout_s=120):
    asyncio.run(asyncio.wait_for(work, timeout_s))


def test_push_and_pull_of_a_new_version(tmp_path, template, packages):
    path = packages.make_small("1.2.3")

    async def one(site, endpoint, *given):
        board = await site.board(endpoint)
        await site.update(endpoint, path, *given)
        assert await site.read(endpoint, 3, 0, 3) == "1.2.3"
        await site.until(lambda: "confirmed" in board.stdout)
        # and it stays
        board.say({"reset": "power"})
        await site.until(lambda: len(board.causes()) == 3)
        return board

    async def work():
        async with Site(tmp_path, template, packages) as site:
            await asyncio.gather(one(site, "pushed"), one(site, "pulled", "PULL=coap"))

    run(work())


def test_bad_versions_give_way_to_the_one_before(tmp_path, template, packages):
    async def one(site, endpoint, change, told, *given):
        board = await site.board(endpoint)
        path = packages.make("2.0.0", change)
        with pytest.raises(Failed, match="^result 8: "):
            await site.update(endpoint, path, *given)
        assert await site.read(endpoint, 3, 0, 3) == FACTORY
        assert await site.read(endpoint, 5, 0, 3) == 2  # the package is there still
        assert told in board.stdout
        # and a good one is taken after that
        await site.update(endpoint, packages.make("2.0.1"), *given)
        assert await site.read(endpoint, 3, 0, 3) == "2.0.1"

    async def work():
        async with Site(tmp_path, template, packages) as site:
            await asyncio.gather(
                one(site, "crashes", CRASHES, "slot 1: it has failed: back", "PULL=coap"),
                one(site, "hangs", HANGS, "not registered: back to the copy before it"),
                one(site, "silent", NEVER_REGISTERS, "not registered within 6 s"),
            )

    run(work())


def test_one_slot_is_overwritten_from_the_factory_copy(tmp_path, template, packages):
    async def one(site, endpoint, *given):
        board = await site.board(endpoint)
        for version in ("1.2.3", "1.2.4"):
            await site.update(endpoint, packages.make(version), *given)
            assert await site.read(endpoint, 3, 0, 3) == version
        # power, into 1.2.3, into the factory's copy, into 1.2.4
        assert len(board.causes()) == 4

    async def work():
        async with Site(tmp_path, template, packages) as site:
            await asyncio.gather(one(site, "pushed"), one(site, "pulled", "PULL=coap"))

    run(work())


def test_broken_off_and_resumed(tmp_path, template, packages):
    path = packages.make("1.2.3")

    async def pulled(site, endpoint, breaks):
        board = await site.board(endpoint)
        work = asyncio.ensure_future(site.update(endpoint, path, "PULL=coap"))
        await site.until(lambda: site.offsets(endpoint)[-1:] > [40000])
        await breaks(site, board)
        await work
        assert await site.read(endpoint, 3, 0, 3) == "1.2.3"
        offsets = site.offsets(endpoint)
        assert offsets.count(0) == 1, "it began anew"

    async def pushed(site, endpoint, breaks):
        board = await site.board(endpoint)
        work = asyncio.ensure_future(site.update(endpoint, path))
        await site.until(lambda: "30 %" in board.stdout)
        await breaks(site, board)
        await work
        assert await site.read(endpoint, 3, 0, 3) == "1.2.3"

    async def power(site, board):
        board.say({"reset": "power"})

    async def link(site, board):
        site.deaf = True
        await asyncio.sleep(2.5)
        site.deaf = False

    async def work():
        async with (
            Site(tmp_path, template, packages) as site,
            Site(tmp_path, template, packages) as first,
            Site(tmp_path, template, packages) as second,
        ):
            await asyncio.gather(
                pulled(site, "pull-power", power),
                pushed(site, "push-power", power),
                pulled(first, "pull-link", link),
                pushed(second, "push-link", link),
            )

    run(work())


def test_refused_packages_leave_what_runs_alone(tmp_path, template, packages):
    good = packages.make("1.2.3").read_bytes()

    def damaged(name, change):
        path = tmp_path / name
        data = bytearray(good)
        change(data)
        path.write_bytes(data)
        return path

    def flip(data):
        data[len(data) // 2] ^= 1

    def cut(data):
        del data[-100:]

    cases = (
        (packages.make("1.2.3", key=bytes(range(32))), "result 5"),
        (damaged("flipped", flip), "result 5"),
        (damaged("cut", cut), "result 5"),
        (packages.make("0.0.9"), "result 8"),
        (packages.make("1.2.3", board="b_l475e_iot01a"), "result 6"),
        (damaged("garbage", lambda data: data.__setitem__(slice(0, 8), b"whatever")), "result 6"),
    )

    async def one(site, endpoint, *given):
        board = await site.board(endpoint)
        for path, result in cases:
            with pytest.raises(Failed, match="^" + result):
                await site.update(endpoint, path, "FORCE=1", *given)
        assert await site.read(endpoint, 3, 0, 3) == FACTORY
        assert board.causes() == ["power"]
        await site.update(endpoint, packages.make("1.2.3"), *given)

    async def work():
        async with Site(tmp_path, template, packages) as site:
            await asyncio.gather(one(site, "pushed"), one(site, "pulled", "PULL=coap"))

    run(work())


def test_fetched_over_dtls(tmp_path, template, packages):
    async def work():
        async with Site(tmp_path, template, packages, coap_port=None, coaps_port=0) as site:
            await site.board("secure", "--heap", "160k")
            await site.update("secure", packages.make("1.2.3"), "PULL=coaps")
            assert await site.read("secure", 3, 0, 3) == "1.2.3"
            assert site.server.registry.by_endpoint("secure").remote.scheme == "coaps"

    run(work())


def test_two_slots_take_turns(tmp_path, packages):
    two = ("^SLOTS = 1", "SLOTS = 2")
    (tmp_path / "factory").mkdir()
    template = factory(tmp_path / "factory", BOARD, two)
    board_file = {"firmware/boards/%s.py" % BOARD: (two,)}

    async def work():
        async with Site(tmp_path, template, packages) as site:
            board = await site.board("two")
            for version in ("1.2.3", "1.2.4"):
                await site.update("two", packages.make(version, board_file))
                assert await site.read("two", 3, 0, 3) == version
            # each time straight into the new one
            assert len(board.causes()) == 3
            # a bad one gives way to the one before, not to the factory's
            with pytest.raises(Failed, match="^result 8: "):
                await site.update("two", packages.make("2.0.0", {**board_file, **CRASHES}))
            assert await site.read("two", 3, 0, 3) == "1.2.4"

    run(work())


def test_over_wifi_of_the_other_board(tmp_path):
    for name in ("factory", "packages", "site"):
        (tmp_path / name).mkdir()
    other = "b_l475e_iot01a"
    template = factory(tmp_path / "factory", other)
    packages = Packages(tmp_path / "packages", other, build.GROUPS)

    async def work():
        async with Site(tmp_path / "site", template, packages) as site:
            await site.board("wifi")
            await site.update("wifi", packages.make("1.2.3"), "PULL=coap")
            assert await site.read("wifi", 3, 0, 3) == "1.2.3"

    run(work())
