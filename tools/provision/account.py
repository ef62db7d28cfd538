"""One account, made of what was given: what `accounts.provision()` takes, and what may be told."""

import datetime

from tools.errors import UserError
from tools.provision import certificates, developer_file, keys

# Certificate usage (TS 1.1.1 Core E.1, resource 15)
_TRUST_ANCHOR = 2
_DOMAIN_ISSUED = 3

_CCM_8 = (
    "Izuma's own service asks for TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, which stock MicroPython "
    "lacks (docs/provisioning.md)"
)


class Account:
    """`attributes`: of Security and `accounts.provision()`; `secrets` are among them.

    `lines` tell of it and `doubts` warn; neither holds a secret. `endpoint` and `domain` are for
    config.json, None where nothing was given. `key`: what it replaces on the board, "bootstrap"
    or a Short Server ID.
    """

    def __init__(self, given, security, now=None):
        """`security`: the firmware's module with the modes; `now`: for tests."""
        self.security = security
        self._now = now or datetime.datetime.now(datetime.timezone.utc)
        self.endpoint = given.get("ENDPOINT")
        self.domain = given.get("DOMAIN")
        self.bootstrap = "SERVER" not in given
        self.key = "bootstrap" if self.bootstrap else given.get("SHORT_ID", 1)
        self.doubts = []
        self.lines = []
        self.attributes = {"bootstrap": self.bootstrap}
        for name, attribute in (
            ("SHORT_ID", "short_server_id"),
            ("LIFETIME", "lifetime_s"),
            ("HOLD_OFF", "hold_off_s"),
            ("ACCOUNT_TIMEOUT", "account_timeout_s"),
        ):
            if name in given:
                self.attributes[attribute] = given[name]
        if "CREDENTIALS" in given:
            self._from_developer_file(given["CREDENTIALS"])
        else:
            name = "BOOTSTRAP" if self.bootstrap else "SERVER"
            self._uri(name, given[name], "IDENTITY" in given or "CERT" in given)
            if "IDENTITY" in given:
                key = keys.psk_of_file("KEY_FILE", given["KEY_FILE"])
                self._psk(keys.psk_identity("IDENTITY", given["IDENTITY"]), key)
            elif "CERT" in given:
                self._from_files(given)
            else:
                self.attributes["mode"] = security.NO_SEC
                self.lines.append("no security: everybody on the way can read and change it")

    def _uri(self, option, uri, secured):
        # Its form is checked by the firmware's own code; this is what belongs together.
        if "@" in uri.partition("?")[0]:
            raise UserError(f"{option}=: no name or password in a URI")
        scheme = uri.partition("://")[0]
        if scheme == "coaps" and not secured:
            raise UserError(
                f"{option}=coaps://... needs credentials: IDENTITY= and KEY_FILE=, or CERT=, "
                "CERT_KEY= and SERVER_CERT= or CA="
            )
        if scheme == "coap" and secured:
            raise UserError(f"{option}=coap://... sends in clear: with credentials use coaps://")
        self.attributes["uri"] = uri

    def _psk(self, identity, key):
        self.attributes.update(mode=self.security.PSK, identity=identity, key=key)
        self.doubts += keys.doubts(key)
        text = certificates.shown(identity.decode("utf-8"))
        self.lines.append(f'pre-shared key (PSK) of {len(key)} bytes, identity "{text}"')

    def _from_files(self, given):
        key = certificates.private_key("CERT_KEY", keys.read("CERT_KEY", given["CERT_KEY"]))
        cert = self._load("CERT", given)
        certificates.check_pair("CERT_KEY", key, "CERT", cert)
        name = "CA" if "CA" in given else "SERVER_CERT"
        self._certificates("CERT", cert, key, name, self._load(name, given))

    def _load(self, option, given):
        data = keys.read(option, given[option])
        cert, count = certificates.certificate(f"{option} {given[option]}", data)
        if count > 1 and option == "CA":
            raise UserError(f"CA {given[option]}: holds {count} certificates: keep the one")
        if count > 1:
            self.doubts.append(f"{option}: only the first of {count} certificates is taken")
        return cert

    def _from_developer_file(self, path):
        found = developer_file.load(path)
        shown = f"CREDENTIALS {path}"
        certificates.check_pair(f"{shown}: key", found["key"], "the same file", found["cert"])
        self._uri(shown, found["uri"], True)
        self.endpoint = found["endpoint"]
        self.domain = found["account_id"]
        name = f"{shown}: certificate"
        self._certificates(name, found["cert"], found["key"], "CA", found["ca"])
        self.doubts.append(_CCM_8)

    def _certificates(self, option, cert, key, server_option, server_cert):
        is_ca = server_option == "CA"
        certificates.check_server(server_option, server_cert, is_ca)
        self.doubts += certificates.check_dates(option, cert, self._now)
        if is_ca:
            self.doubts += certificates.check_dates(server_option, server_cert, self._now)
        self.attributes.update(
            mode=self.security.CERTIFICATE,
            identity=certificates.der(cert),
            key=certificates.private_der(key),
            server_key=certificates.der(server_cert),
            usage=_TRUST_ANCHOR if is_ca else _DOMAIN_ISSUED,
        )
        self.lines.append("certificate of the device")
        self.lines += ["  " + line for line in certificates.describe(cert)]
        server = "server's certificate must be issued by" if is_ca else "server must show"
        self.lines.append(f"the {server}")
        self.lines += ["  " + line for line in certificates.describe(server_cert)]
