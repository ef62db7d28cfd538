"""Certificates for tests, made anew in each run."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from secrets_used import used

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


def noted(key):
    """Notes the private key in the forms in which it may get out; gives it back."""
    if hasattr(key.private_numbers(), "private_value"):
        used(key.private_numbers().private_value.to_bytes(32, "big"))
    used(key.private_bytes(*_DER, serialization.NoEncryption()))
    return key


_DER = (serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL)


class Authority:
    """A CA with its certificate `cert`; `issue()` makes others."""

    def __init__(self, name="test CA", key=None):
        self._key = key or noted(ec.generate_private_key(ec.SECP256R1()))
        self._name = name
        self.cert, _ = self.issue(name, ca=True, key=self._key)

    def issue(self, name, ca=False, key=None, first=NOW - DAY, last=NOW + 365 * DAY):
        """(certificate, private key); dates are aware datetimes."""
        key = key or noted(ec.generate_private_key(ec.SECP256R1()))
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(self._name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(first)
            .not_valid_after(last)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        return builder.sign(self._key, hashes.SHA256()), key


def _name(text):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
