"""What the console tells when asked who and where we are; loaded for the moment."""

import time

from micropython import const

from firmware import once

_NO_BOOTSTRAP = const(
    "this installation has no bootstrap: provision a server or install everything"
    " (docs/provisioning.md)"
)
_MODES = {0: ", DTLS with PSK", 2: ", DTLS with certificates"}  # of security (/0/x/2)


def show(app):
    """Prints the lines."""
    for line in lines(app):
        print(line)


def lines(app):
    """Lines of text, none of them with a credential."""
    found = ["endpoint: " + app.settings["endpoint"], "network: " + network(app.interface)]
    for connection in app.connections:
        kind = "bootstrap server" if "bootstrap" in connection.account else "server"
        state = connection.session.registration.state
        trouble = connection.lacking or connection.fault
        if trouble:
            state = "%s (%s)" % (state, trouble)
        mode = _MODES.get(connection.account["mode"], "")
        found.append("%s: %s, %s%s" % (kind, connection.uri, state, mode))
    if app.client.bootstrap:
        found.append("bootstrap: when registration fails, or when a server asks for it")
    elif app.bootstraps is None:
        found.append(_NO_BOOTSTRAP)
    if app.clock:
        now = "%d-%02d-%02d %02d:%02d:%02d UTC" % time.gmtime()[:6]
        found.append("clock: %s, %s" % (now, app.clock[2]))
    try:
        crash = once("events", "crash")
    except ImportError:  # tools/install.py has left it out
        crash = None
    if crash:
        found.append("last crash: " + crash)
    return found


def network(interface):
    """The state of the network in some words."""
    if not interface:
        return "none"
    if not interface.isconnected():
        if hasattr(interface, "trouble"):
            return interface.trouble or "starting"
        if interface.helpless:
            return "no cable: plug it in, is the switch on?"
        return "no address: is there a DHCP server?"
    text = getattr(interface, "address", None)
    if not text:
        text = "%s, mask %s, gateway %s, DNS %s" % interface.ifconfig()
    signal_dbm = getattr(interface, "signal_dbm", None)
    if signal_dbm is not None:
        text += ", signal %d dBm" % signal_dbm
    module = getattr(interface, "module", None)
    if module:
        text += ", module %s, longest step %d ms" % (module, interface.longest_ms)
    return text


def no_bootstrap(app):
    """One was asked for, but its modules were left out: from now on nobody is offered one."""
    print(_NO_BOOTSTRAP)
    app.bootstraps = app.client.bootstrap = None
    for server in app.table.of(1):
        server.trigger = None
