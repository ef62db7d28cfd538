"""Certificates and keys for one run of the suite, made when it starts and nowhere kept."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tools.keysearch.notes import used
from tools.leshan.server import Credentials

_DAY = datetime.timedelta(days=1)


def _name(common_name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key():
    key = ec.generate_private_key(ec.SECP256R1())
    used(key.private_numbers().private_value.to_bytes(32, "big"))
    return key


def _der(certificate):
    return certificate.public_bytes(serialization.Encoding.DER)


class Authority:
    """A certificate authority with a key on P-256; `certificate` is its own, in DER."""

    def __init__(self, common_name="Test CA"):
        self._name = _name(common_name)
        self._key = _key()
        self.certificate = _der(self._sign(common_name, self._key, ca=True))

    def _sign(self, common_name, key, ca=False):
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(common_name))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + 30 * _DAY)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
        )
        if not ca:
            # what a device on this machine calls the server
            names = [x509.DNSName(common_name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def issue(self, common_name):
        """(certificate, private key in PKCS #8) of a client or a server, in DER."""
        key = _key()
        der = key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return _der(self._sign(common_name, key)), used(der)

    def server(self):
        """Credentials of a server that trusts the clients of this authority."""
        certificate, key = self.issue("localhost")
        return Credentials(key, [certificate], [self.certificate])
