"""Second on the board: starts the copy of the application that boot.py has found, and catches
its failures (docs/update.md). Ctrl-C on the console ends it.

`record`, `slot` and `starts` are boot.py's, and all of it is the factory's: no update changes it.
What it wants of a copy is `run(feed)` in firmware/app.py: `feed` is to be called at least every
30 s while the copy is on trial, else it is None; 0 is returned after a Ctrl-C.
"""

import sys
import time
from binascii import crc32
from struct import pack

import machine

watchdog = since = exit_status = None


def write(data):
    # As firmware/storage.py does; that of a copy on trial may be broken.
    sequence, which, _ = record()
    head = pack("<IH", (sequence + 1) & 0xFFFFFFFF, len(data))
    with open("state/slot.%d" % (1 - which), "wb") as file:
        file.write(b"rec1" + head + pack("<I", crc32(data, crc32(head)) & 0xFFFFFFFF) + data)


def back(cause):
    data = record()[2]
    print("slot %d: %s: back to the copy before it" % (data[0], cause))
    write(bytes((data[1], 0, 0, 8)) + data[8:12] + bytes(4))  # 8: firmware update failed


def feed():
    global since
    if since is not None and time.ticks_diff(time.ticks_ms(), since) > 300000:
        since = None
        if record()[2][2]:
            back("not registered within 300 s")
            machine.reset()
    watchdog.feed()


def keep(error):
    # What it was and where, for the next start to tell.
    import io
    import os

    text = io.StringIO()
    sys.print_exception(error, text)
    text = text.getvalue()
    print(text)
    text = text.encode()[-400:]
    try:
        os.mkdir("state")
    except OSError:
        pass  # it is there
    try:
        with open("state/crash", "rb") as file:
            if file.read() == text:
                return  # a flash wears out
    except OSError:
        pass
    with open("state/crash", "wb") as file:
        file.write(text)


try:
    if starts:  # of a trial: counted before anything of that copy is loaded
        try:
            data = record()[2]
            if slot == data[0]:
                write(data[:2] + bytes((starts + 1,)) + data[3:])
                since = time.ticks_ms()
                watchdog = machine.WDT(timeout=32000)
            else:
                back("two starts, and not registered" if starts > 2 else "it is damaged")
        except OSError as error:
            print("main: %s: a start that cannot be counted is none" % error)
            if slot:
                sys.path.pop(0)
                slot = 0
    from firmware.app import run

    exit_status = 0
    exit_status = run(watchdog and feed)
    if watchdog and exit_status:
        back("it refuses its configuration")
        machine.reset()
except KeyboardInterrupt:
    pass
except BaseException as error:
    try:
        keep(error)
        if slot and (watchdog or exit_status is None):
            back("it has failed")
        else:
            print("restarting in 5 s; Ctrl-C gives the prompt")
            time.sleep(5)
        machine.reset()
    except KeyboardInterrupt:
        exit_status = 1
    except Exception as again:
        print("main:", again)
        machine.reset()
if watchdog:
    since = None
    machine.Timer(-1, period=1000, callback=lambda timer: feed())  # the prompt feeds none
if exit_status == 0:
    try:
        from firmware import once

        once("repl", "offer")  # its functions at the prompt: docs/repl.md
    except (ImportError, MemoryError) as error:
        print("no functions at the prompt:", error)
