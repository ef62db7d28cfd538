"""`mbed_cloud_dev_credentials.c`: an account with its credentials, as the portal hands it out."""

from tools.errors import UserError
from tools.provision import c_source, certificates, keys

_PREFIX = "MBED_CLOUD_DEV_"
_TEXTS = {
    "endpoint": "BOOTSTRAP_ENDPOINT_NAME",
    "account_id": "ACCOUNT_ID",
    "uri": "BOOTSTRAP_SERVER_URI",
}
_DER = {
    "cert": "BOOTSTRAP_DEVICE_CERTIFICATE",
    "ca": "BOOTSTRAP_SERVER_ROOT_CA_CERTIFICATE",
    "key": "BOOTSTRAP_DEVICE_PRIVATE_KEY",
}
_NEXT = "download your developer credentials from the portal (Device identity, Certificates)"


def load(path):
    """A dictionary: endpoint, account_id and uri as text, cert, ca and key as read; UserError.

    What else the file holds (manufacturer, model and so on) is passed over: the firmware tells
    its own.
    """
    data = keys.read("CREDENTIALS", path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"CREDENTIALS {path}: no text: {_NEXT}") from None
    return parse(text, f"CREDENTIALS {path}")


def parse(text, shown):
    found = c_source.constants(text, shown, _PREFIX)
    names = {**_TEXTS, **_DER}
    values = {key: found.get(_PREFIX + name, b"") for key, name in names.items()}
    values = {
        key: value.rstrip(b"\0") if key in _TEXTS else value for key, value in values.items()
    }
    # The example comes with empty strings, and arrays of one zero.
    empty = [_PREFIX + names[key] for key, value in values.items() if not value.strip(b"\0")]
    if len(empty) == len(names):
        cause = "the unfilled placeholder" if found else "no developer credentials"
        raise UserError(f"{shown}: {cause}: {_NEXT}")
    if empty:
        raise UserError(f"{shown}: incomplete, without {', '.join(empty)}: {_NEXT}")
    for key, name in _TEXTS.items():
        try:
            values[key] = values[key].decode("utf-8")
        except UnicodeDecodeError:
            raise UserError(f"{shown}: {_PREFIX}{name} is no text: {_NEXT}") from None
    for key, name in _DER.items():
        option = f"{shown}: {_PREFIX}{name}"
        if key == "key":
            values[key] = certificates.private_key(option, values[key])
        else:
            values[key], _ = certificates.certificate(option, values[key])
    return values
