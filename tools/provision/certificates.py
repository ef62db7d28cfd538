"""Certificates and private keys (X.509): PEM or DER in, DER out, and what may be told of them."""

import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tools.errors import UserError

_RSA_BITS = (2048, 4096)
_SOON = datetime.timedelta(days=30)
_DER = serialization.Encoding.DER


def certificate(option, data):
    """(the first certificate in the data, how many there are); UserError."""
    try:
        if b"-----BEGIN" in data:
            found = x509.load_pem_x509_certificates(data)
        else:
            found = [x509.load_der_x509_certificate(data)]
        first = found[0]
        # Whatever is odd in it shows here and not later.
        describe(first)
        first.public_key()
        first.extensions  # noqa: B018
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.UnsupportedGeneralNameType):
        raise UserError(f"{option}: no X.509 certificate in PEM or DER form") from None
    return first, len(found)


def private_key(option, data):
    """An EC key on P-256 or an RSA key, not encrypted; UserError without anything of it."""
    try:
        if b"-----BEGIN" in data:
            key = serialization.load_pem_private_key(data, None)
        else:
            key = serialization.load_der_private_key(data, None)
    except TypeError:
        raise UserError(
            f"{option}: the key is encrypted: decrypt it first, with `openssl pkey -in FILE`"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise UserError(f"{option}: no private key in PEM or DER form") from None
    _check_kind(option, key)
    return key


def _check_kind(option, key):
    # Of a private or a public key.
    if isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey)):
        if isinstance(key.curve, ec.SECP256R1):
            return
        found = f"an EC key on {key.curve.name}"
    elif isinstance(key, (rsa.RSAPrivateKey, rsa.RSAPublicKey)):
        if _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]:
            return
        found = f"an RSA key of {key.key_size} bits"
    else:
        found = "a key of another kind"
    raise UserError(
        f"{option}: {found}, expected EC on P-256 or RSA of {_RSA_BITS[0]} to {_RSA_BITS[1]} bits"
    )


def check_pair(key_option, key, option, cert):
    """UserError unless the private key is the one of the certificate."""
    _check_kind(option, cert.public_key())
    if public_der(key.public_key()) != public_der(cert.public_key()):
        raise UserError(f"{key_option}: not the private key of the certificate in {option}")


def check_server(option, cert, is_ca):
    """UserError unless the certificate can stand for a server, or for one that issued it."""
    _check_kind(option, cert.public_key())
    if not is_ca:
        return
    try:
        ca = cert.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        ca = cert.version == x509.Version.v1  # which has no extensions
    if not ca:
        raise UserError(
            f"{option}: not the certificate of a CA (its basic constraints): "
            "for the server's own certificate give SERVER_CERT=FILE"
        )


def check_dates(option, cert, now):
    """UserError when the certificate is not valid now; else lines on what comes soon."""
    if now < cert.not_valid_before_utc:
        raise UserError(
            f"{option}: valid from {_date(cert.not_valid_before_utc)} on only: is the clock right?"
        )
    if now > cert.not_valid_after_utc:
        raise UserError(
            f"{option}: expired on {_date(cert.not_valid_after_utc)}: get one that is valid"
        )
    if now > cert.not_valid_after_utc - _SOON:
        return [f"{option} ends on {_date(cert.not_valid_after_utc)} already"]
    return []


def der(cert):
    return cert.public_bytes(_DER)


def public_der(key):
    return key.public_bytes(_DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def private_der(key):
    """SEC 1 of an EC key, PKCS #1 of an RSA key: the shortest forms that mbedTLS reads."""
    return key.private_bytes(
        _DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def describe(cert):
    """Lines: subject, issuer, dates, kind of key, fingerprint."""
    key = cert.public_key()
    kind = "EC " + key.curve.name if hasattr(key, "curve") else f"RSA {key.key_size}"
    return [
        "subject " + shown(cert.subject.rfc4514_string()),
        "issuer  " + shown(cert.issuer.rfc4514_string()),
        f"valid   {_date(cert.not_valid_before_utc)} to {_date(cert.not_valid_after_utc)}",
        f"key     {kind}",
        "SHA-256 " + cert.fingerprint(hashes.SHA256()).hex(":"),
    ]


def _date(moment):
    return moment.strftime("%Y-%m-%d")


def shown(text):
    """Text from outside, without what would act on a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
