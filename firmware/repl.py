"""What the REPL offers, and lines after a colon on the console.

Loaded for a line while the client runs, and at the prompt when it has ended. What looks into
objects is in look.py, loaded when it is called.
"""

import sys

from micropython import const

from coap.message import Error, dotted
from firmware import once
from firmware.app import App
from firmware.connection import REGISTERED

_NAMES = const("log trace start stop traceback")
_LOOKS = const("status objects read write execute observations events")
_LONGEST = const(200)  # characters of an error that are shown
# What to do about an answer, by its code
_HINTS = {
    0x80: "objects() shows types",  # 4.00
    0x84: "nothing there, objects() shows what there is",  # 4.04
    0x85: "not allowed, objects() shows what is",  # 4.05
    0xA3: "no valid value now, status() and what is printed may tell why",  # 5.03
}


class Refused(Exception):
    """A wrong call; its text is all that there is to say."""


def evaluate(app, text):
    """Evaluates a line with the names of the prompt, and prints its value; never raises."""
    space = _space()
    try:
        offer()
        try:
            value = eval(text, space)
        except SyntaxError:
            value = exec(text, space)
        if value is not None:
            print(repr(value) if isinstance(value, str) else value)
    except KeyboardInterrupt:
        print("interrupted; Ctrl-C again ends the client")
    except BaseException as error:  # SystemExit and CancelledError, too, would end the client
        tell(error)
    for name in (_NAMES + " " + _LOOKS + " app").split():  # they would keep this in memory
        if name in space:
            del space[name]


def offer():
    """Makes the functions names of the prompt, and `app` what runs, or ran."""
    space = _space()
    for name in _NAMES.split():
        space[name] = globals()[name]
    for name in _LOOKS.split():
        space[name] = _Look(name)
    space["app"] = App.running


def _space():
    return __import__("__main__").__dict__


def tell(error):
    """Prints an error in a line, with what to do next, and keeps it for `traceback()`."""
    App.error = error
    try:
        text = str(error)[:_LONGEST]
        if isinstance(error, Error):
            text = dotted(error.code) + " " + error.text
            text = "%s: %s" % (text.strip(), _HINTS.get(error.code, "traceback() shows where"))
        elif not isinstance(error, Refused):
            text = "%s: %s; traceback() shows where" % (type(error).__name__, text)
        print(text)
    except BaseException:  # of a class of its own, whose words fail
        print("an error without words; traceback() shows where")


def _told(function):
    # At the prompt an error is one line, too.
    def told(*arguments):
        try:
            return function(*arguments)
        except Exception as error:
            tell(error)

    return told


class _Look:
    # A function of look.py, loaded when it is called.

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return "%s() is explained in docs/repl.md" % self.name

    def __call__(self, *arguments):
        try:
            return once("look", self.name, _app(), *arguments)
        except Exception as error:
            tell(error)


def _app():
    app = App.running
    if app is None:
        raise Refused("the client has not run: start() it, and look at what it prints")
    return app


@_told
def log(level=None):
    """Sets what is printed: 0 errors, 1 notices, 2 what is asked and answered, 3 each message.

    Returns it.
    """
    settings = _app().settings
    if level is not None:
        if level not in (0, 1, 2, 3):
            raise Refused("log(): 0 errors, 1 notices, 2 what is asked, 3 each message")
        if level > 1 or settings["log"] > 1:
            once("trace", "begin", level)
        settings["log"] = level
    return settings["log"]


def trace(on=True):
    """Prints each CoAP message in a line from now on, or no more."""
    log(3 if on else 1)


@_told
def start():
    """Registers again after `stop()`; at the prompt it runs the client anew, until Ctrl-C."""
    app = App.running
    if app and not app.over:
        app.stopped = False
        for connection in app.connections:
            registration = connection.session.registration
            if registration.state != REGISTERED:
                registration.start()
        return
    space = _space()
    space["app"] = app = None  # the memory of an earlier run
    from firmware.app import run

    run()
    space["app"] = App.running


@_told
def stop():
    """De-registers from all servers; the rest goes on, and `start()` registers again."""
    app = _app()
    if app.over:
        raise Refused("the client has ended already: start() runs it")
    app.stop()


@_told
def traceback():
    """Prints where the last errors came from: of a line, and of objects that servers used."""
    errors = [App.error]
    if App.running:
        for session in App.running.client.sessions:
            errors.append(session.endpoint.error)
    if not any(errors):
        print("no error so far")
    for error in errors:
        if error:
            sys.print_exception(error)
