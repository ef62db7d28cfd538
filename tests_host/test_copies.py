"""How a copy of the application starts: the real boot.py and main.py on MicroPython's own FAT."""

import builtins
import os

from copies_board import Board, package

from firmware import slots

FAILED = 8
SUCCESS = 1


def board(chosen=None, **behaviour):
    """A board with packages in both slots, and one of them chosen."""
    one = Board()
    one.factory()
    for number in (1, 2):
        one.install(number)
    for number, what in behaviour.items():
        one.behaviour[int(number[-1])] = what
    if chosen:
        one.inside(lambda: slots.choose(chosen, "1.2.3"))
    return one


def second():
    """Chooses slot 2 while the copy in slot 1 runs."""
    running = slots.running
    slots.running = lambda: 1
    try:
        slots.choose(2, "1.2.4")
    finally:
        slots.running = running


def test_without_a_record_the_factory_copy_starts():
    one = board()
    assert one.start() == 0
    assert one.lit == [] and not one.armed and "failed" not in one.said


def test_a_copy_that_works_is_confirmed_and_stays():
    one = board(1)
    assert one.record() == (1, 0, 1, 0)
    assert one.start() == 1 and one.armed and one.lit == [1, 0]
    assert one.record() == (1, 0, 0, SUCCESS)
    assert one.start() == 1 and not one.armed
    assert one.inside(slots.outcome) == SUCCESS and one.inside(slots.outcome) == 0
    assert one.start() == 1


def test_a_copy_that_crashes_goes_at_once():
    for what in ("crashes", "ends"):
        one = board(1, copy1=what)
        assert one.start() == 1 and one.device.dead and one.slept_s == 0
        assert one.record() == (0, 0, 0, FAILED)
        assert one.settle() == 0 and one.ran == [1, 0]
        assert one.inside(slots.outcome) == FAILED


def test_a_copy_that_hangs_gets_two_starts():
    one = board(1, copy1="hangs")
    assert one.settle() == 0 and one.ran == [1, 1, 0]
    assert one.record() == (0, 0, 0, FAILED)


def test_a_copy_that_never_registers_gets_300_s():
    one = board(1, copy1="idles")
    assert one.start() == 1 and one.device.dead
    assert 300000 < one._ms < 305000
    assert "not registered within 300 s" in one.said
    assert one.settle() == 0 and one.ran == [1, 0]


def test_the_copy_before_comes_back():
    one = board(1)
    one.start()
    for what, starts in (("crashes", [2, 1]), ("hangs", [2, 2, 1]), ("idles", [2, 1])):
        one.ran.clear()
        one.behaviour[2] = what
        one.inside(second)
        assert one.record() == (2, 1, 1, 0)
        assert one.settle() == 1 and one.ran == starts, (what, one.ran)
        assert one.record() == (1, 0, 0, FAILED)


def test_a_crash_is_kept():
    one = board(copy0="crashes")
    assert one.start() == 0 and one.device.dead and one.slept_s == 5

    def kept():
        with open("state/crash", "rb") as file:
            return file.read()

    text = one.inside(kept)
    assert len(text) <= 400 and b"a fault of copy 0" in text and b"line" in text
    # The same again is not written again.
    writes = one.device.writes
    assert one.start() == 0 and one.device.writes == writes


def test_a_fault_after_the_confirmation_is_no_failed_trial():
    # In the same run: the watchdog of the trial is still armed.
    one = board(1, copy1="fails later")
    assert one.start() == 1 and one.device.dead and one.slept_s == 5, one.said
    assert one.record() == (1, 0, 0, SUCCESS)
    one.behaviour[1] = "works"
    assert one.settle() == 1


def test_a_confirmed_copy_that_crashes_soon_after_each_start_is_left():
    one = board(1)
    one.start()
    one.behaviour[1] = "crashes"
    assert one.settle() == 0 and one.ran == [1] + [1] * 5 + [0], one.ran
    assert one.record() == (0, 0, 0, FAILED) and one.slept_s == 4 * 5
    assert "slot 1: it has crashed soon after 5 starts: back to the copy before it" in one.said
    # It may be chosen again: its crashes of then do not count.
    one.behaviour[1] = "works"
    one.inside(lambda: slots.choose(1, "1.2.3"))
    one.start()
    one.behaviour[1] = "crashes"
    one.ran.clear()
    assert one.settle() == 0 and one.ran == [1] * 5 + [0]


def test_a_confirmed_copy_that_serves_for_a_while_stays():
    one = board(1)
    one.start()
    for _ in range(3):
        one.behaviour[1] = "crashes"
        for _ in range(4):
            assert one.start() == 1 and one.device.dead
        # That ends the row. Of the next crash like it nothing is written.
        one.behaviour[1] = "crashes late"
        assert one.start() == 1 and one.device.dead
        writes = one.device.writes
        assert one.start() == 1 and one.device.writes == writes
    one.behaviour[1] = "works"
    assert one.settle() == 1 and one.record() == (1, 0, 0, SUCCESS)
    # Nor is anything counted where there is no other copy.
    one = board(copy0="crashes")
    for _ in range(9):
        assert one.start() == 0 and one.device.dead


def test_a_fault_without_memory_to_tell_it_restarts():
    real = builtins.__import__

    def lacking(name, *more):
        if name == "trial":
            raise MemoryError("no memory")
        return real(name, *more)

    one = board(copy0="crashes")
    builtins.__import__ = lacking
    try:
        assert one.start() == 0 and one.device.dead
    finally:
        builtins.__import__ = real


def fill(board):
    """Fills the file system to the last block."""

    def write():
        with open("filler", "wb") as file:
            try:
                while True:
                    file.write(bytes(512))
            except OSError:
                pass

    board.inside(write)


def damage():
    """The application can be mounted, but not be loaded."""
    with open("slot1.pkg", "r+b") as file:
        file.seek(-5, 2)
        file.write(b"(((((")


def test_a_full_file_system_keeps_no_copy_that_cannot_be_loaded():
    one = board(1)
    one.start()
    one.inside(damage)
    fill(one)
    assert one.settle() == 0, one.said
    assert "state/crash: " in one.said and one.record() == (0, 0, 0, FAILED)


def test_a_copy_that_just_returns_is_left():
    one = board(1, copy1="returns")
    assert one.start() == 1 and one.timers == 1 and one.armed
    # Someone may be at the prompt: for an hour the watchdog is fed
    assert one.fed(3500) and not one.fed(3700)
    one.behaviour[1] = "hangs"
    assert one.settle() == 0 and one.record() == (0, 0, 0, FAILED)
    # One that was confirmed may be stopped for longer
    one = board(1, copy1="confirmed")
    assert one.start() == 1 and one.fed(3500) and one.fed(3700), one.said


def test_a_copy_that_cannot_be_loaded_is_given_up():
    # Once confirmed, and then its contents are damaged.
    one = board(1)
    one.start()
    one.inside(damage)
    assert one.start() is None and one.device.dead
    assert one.settle() == 0 and one.record() == (0, 0, 0, FAILED)


def test_a_damaged_head_is_not_taken():
    for at in (0, 9, 20, 40, 90):
        for confirmed in (False, True):
            one = board(1)
            if confirmed:
                one.start()

            def damage(at=at):
                with open("slot1.pkg", "r+b") as file:
                    file.seek(at)
                    byte = file.read(1)[0]
                    file.seek(at)
                    file.write(bytes((byte ^ 4,)))

            one.inside(damage)
            assert one.start() == 0 and not one.device.dead
            assert one.record() == ((1, 0, 0, SUCCESS) if confirmed else (0, 0, 0, FAILED))


def test_a_missing_or_cut_package_is_not_taken():
    whole = b"".join(package(1))
    for length in (0, 7, 15, 16, 30, 60, 100, len(whole) - 1):
        one = board(1)

        def cut(length=length):
            with open("slot1.pkg", "wb") as file:
                file.write(whole[:length])

        one.inside(cut)
        assert one.start() == 0, length
        assert one.record() == (0, 0, 0, FAILED)
    # What lies behind the contents is of a longer one, and does not matter.
    one = board()
    one.install(1, padding=600)
    longer = one.inside(lambda: open("slot1.pkg", "rb").read())

    def over():
        with open("slot1.pkg", "r+b") as file:
            file.write(whole)

    one.inside(over)
    one.inside(lambda: slots.choose(1, "1"))
    assert len(longer) > len(whole) and one.start() == 1


def test_the_button_chooses_the_factory_copy_for_one_start():
    for trial in (True, False):
        one = board(1)
        if not trial:
            one.start()
        before = one.record()
        for look in (1, 50, 100):
            one.pressed_at = look
            assert one.start() == 0 and one.lit == [1, 0] and not one.armed
            assert one.record() == before
        one.pressed_at = 101  # the led is dark
        assert one.start() == 1


def test_a_start_that_cannot_be_counted_is_none():
    one = board(1)
    fill(one)
    assert one.start() == 0, one.said
    assert "the factory's copy starts" in one.said
    assert one.record() == (1, 0, 1, 0)
    one.inside(lambda: os.remove("filler"))
    assert one.start() == 1


def test_a_stop_at_the_prompt_feeds_the_watchdog():
    one = board(1, copy1="stops")
    assert one.start() == 1 and one.timers == 1 and not one.device.dead
    assert one.record() == (1, 0, 2, 0)
    one = board(copy0="stops")
    assert one.start() == 0 and one.timers == 0


def cut_everywhere(before, action, allowed, behaviour):
    """Cuts `action(board)` at every block write; returns how often.

    `allowed` are the copies of which one stands at the prompt in the end. Every time a whole
    application starts, and an update works that comes then.
    """
    cuts = 0
    for torn in (False, True):
        allowed_writes = 0
        while True:
            one = Board(before, torn)
            one.behaviour = dict(behaviour)
            one.device.allowed = allowed_writes
            try:
                action(one)
            except OSError:
                pass
            done = not one.device.cut
            after = Board(one.device.data)
            after.behaviour = dict(behaviour)
            one.device.answer = 0
            stands = after.settle()
            assert after.ran and stands in allowed, (allowed_writes, torn, after.ran, after.said)
            # Once more, and this time nothing happens to it.
            number = 2 if stands == 1 else 1
            after.behaviour[number] = "works"
            after.install(number, padding=10)
            after.inside(lambda number=number: slots.choose(number, "2"))
            assert after.settle() == number and after.record() == (number, 0, 0, SUCCESS)
            if done:
                break
            allowed_writes += 1
            cuts += 1
    return cuts


def test_power_cuts_at_every_block_write():
    works = {0: "works", 1: "works", 2: "works"}
    count = 0

    def choose(one):
        one.inside(lambda: slots.choose(1, "1.2.3"))

    def start(one):
        one.device.dead = False
        one.start()

    def outcome(one):
        one.inside(slots.outcome)

    def factory(one):
        one.inside(slots.factory)

    fresh = board().device.data
    chosen = board(1).device.data
    confirmed = board(1)
    confirmed.start()
    confirmed = confirmed.device.data
    one = Board(confirmed)
    one.inside(second)
    second_chosen = one.device.data
    crashed = Board(confirmed)
    crashed.behaviour = {1: "crashes"}
    for _ in range(3):
        crashed.start()
    crashed_again = Board(crashed.device.data)
    crashed_again.behaviour = {1: "crashes"}
    crashed_again.start()
    hung = board(1, copy1="hangs")
    hung.start()
    hung.start()
    hung = hung.device.data
    returned = board(1, copy1="crashes")
    returned.start()
    returned = returned.device.data
    for before, action, allowed, behaviour in (
        (fresh, choose, (0, 1), works),
        (confirmed, lambda one: one.inside(second), (1, 2), works),
        (second_chosen, start, (1,), {0: "works", 1: "works", 2: "crashes"}),
        (second_chosen, start, (1,), {0: "works", 1: "works", 2: "hangs"}),
        (chosen, start, (1,), works),  # counted and confirmed
        (crashed.device.data, start, (0,), {0: "works", 1: "crashes", 2: "works"}),  # counted
        (crashed_again.device.data, start, (0,), {0: "works", 1: "crashes", 2: "works"}),
        (chosen, start, (0,), {0: "works", 1: "crashes", 2: "works"}),  # counted, and back
        (chosen, start, (0,), {0: "works", 1: "hangs", 2: "works"}),
        (hung, start, (0,), {0: "works", 1: "hangs", 2: "works"}),  # back
        (chosen, start, (0,), {0: "works", 1: "idles", 2: "works"}),
        (returned, outcome, (0,), works),
        (confirmed, outcome, (1,), works),
        (confirmed, factory, (0, 1), works),
    ):
        count += cut_everywhere(before, action, allowed, behaviour)
    assert count > 100
    print("test_copies: %d power cuts, torn and whole: a copy started, and was updated" % count)
