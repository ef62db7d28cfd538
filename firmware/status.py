"""What the console tells when asked who and where we are; loaded for the moment."""

_MODES = {0: ", DTLS with PSK", 2: ", DTLS with certificates"}  # of security (/0/x/2)


def lines(app):
    """Lines of text, none of them with a credential."""
    found = ["endpoint: " + app.settings["endpoint"]]
    for connection in app.connections:
        kind = "bootstrap server" if "bootstrap" in connection.account else "server"
        state = connection.session.registration.state
        mode = _MODES.get(connection.account["mode"], "")
        found.append("%s: %s, %s%s" % (kind, connection.uri, state, mode))
    if app.client.bootstrap:
        found.append("bootstrap: when registration fails, or when a server asks for it")
    return found
