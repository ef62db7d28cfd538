"""The keys of config.json that concern the network; loaded where there are any.

Without them: DHCP, the endpoint name as host name where it can be one, and the time server that
MicroPython's own ntptime has, if that is there.
"""

_NETWORK = ("address", "mask", "gateway", "dns")  # in the order of ifconfig()


def check(settings, server_uri):
    """Makes a tuple of "network", and (host, port) of "ntp" with the help of `server_uri()`.

    Returns None, or what is wrong: key, value and what was expected.
    """
    network = settings.get("network")
    if network is not None:
        if not isinstance(network, dict) or len(network) > len(_NETWORK):
            expected = "an object with address, mask, gateway and dns"
            return "network", network, expected
        for key in _NETWORK:
            if not _is_address(network.get(key)):
                return "network." + key, network.get(key), "an IPv4 address"
        settings["network"] = tuple([network[key] for key in _NETWORK])
    hostname = settings.get("hostname")
    if hostname is not None and not _is_hostname(hostname):
        expected = "1 to 32 letters, digits or -, not at its ends"
        return "hostname", hostname, expected
    ntp = settings.get("ntp")
    if ntp is not None and ntp != "":
        try:
            if not isinstance(ntp, str) or "/" in ntp or "?" in ntp:
                raise ValueError
            port = "" if ":" in ntp[ntp.rfind("]") + 1 :] else ":123"
            settings["ntp"] = server_uri("coap://" + ntp + port)
        except ValueError:
            return "ntp", ntp, 'host or host:port of a time server, or "" for none'
    return None


def _is_address(text):
    # IPv4
    parts = text.split(".") if isinstance(text, str) else ()
    good = [each for each in parts if _digits(each) and len(each) < 4]
    return len(parts) == len(good) == 4 and max([int(each) for each in good]) < 256


def _is_hostname(name):
    # RFC 1123 section 2.1, a label; MicroPython takes 32 letters.
    if not isinstance(name, str) or not 1 <= len(name) <= 32 or "-" in (name[0], name[-1]):
        return False
    for letter in name:
        if not (letter <= "z" and letter.isalpha()) and not _digits(letter) and letter != "-":
            return False
    return True


def _digits(text):
    return bool(text) and not [letter for letter in text if not "0" <= letter <= "9"]
