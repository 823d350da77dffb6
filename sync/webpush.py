"""Web Push: an encrypted word to a sleeping browser (RFC 8030, 8291, 8292). Values in, values out, one post."""

import base64
import http.client
import ipaddress
import os
import socket
import ssl
import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from core.errors import Invalid

TOKEN_LIFE = timedelta(hours=12)
# A hint that could not be delivered within a day is of no use: the phone is opened before that.
KEPT_S = 24 * 3600
TIMEOUT_S = 10
RECORD_BYTES = 4096


def b64(raw: bytes) -> str:
    """Return bytes as the web's push writes them."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Return the bytes behind the text.

    Raises ValueError.
    """
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def new_key() -> bytes:
    """Return a fresh secret key."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def public_part(secret_key: bytes) -> bytes:
    """Return the public half of a key, as browsers want it."""
    return _point(_secret(secret_key).public_key())


def _secret(secret_key: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_der_private_key(secret_key, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("This is no key on a curve.")
    return key


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def check_subscription(endpoint: str, p256dh: str, auth: str) -> None:
    """See that a browser's subscription is one.

    Raises Invalid when it leads anywhere but to the open internet, over https, or has no keys.
    """
    try:
        parts = urlsplit(endpoint)
        port, host = parts.port, parts.hostname or ""
    except ValueError as error:
        raise _not_one("endpoint") from error
    if parts.scheme != "https" or not host or port not in (None, 443) or "@" in parts.netloc:
        raise _not_one("endpoint")
    if "." not in host or host.endswith((".localhost", ".local", ".internal")):
        raise _not_one("endpoint")
    # Where a name leads is looked at when something is sent there.
    if _is_address(host) and not ipaddress.ip_address(host).is_global:
        raise _not_one("endpoint")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(p256dh))
    except ValueError as error:
        raise _not_one("keys.p256dh") from error
    try:
        whole = len(unb64(auth)) == 16
    except ValueError:
        whole = False
    if not whole:
        raise _not_one("keys.auth")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _not_one(field: str) -> Invalid:
    return Invalid("This is no push subscription.", fields={field: ["Invalid value."]})


def authorization(secret_key: bytes, endpoint: str, subject: str, now: datetime) -> str:
    """Return the header that says who sends (VAPID)."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int((now + TOKEN_LIFE).timestamp()),
        "sub": subject,
    }
    head = {"typ": "JWT", "alg": "ES256"}
    signed = f"{b64(orjson.dumps(head))}.{b64(orjson.dumps(claims))}"
    r, s = decode_dss_signature(
        _secret(secret_key).sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
    )
    token = f"{signed}.{b64(r.to_bytes(32) + s.to_bytes(32))}"
    return f"vapid t={token}, k={b64(public_part(secret_key))}"


def sealed(
    content: bytes,
    p256dh: str,
    auth: str,
    *,
    sender: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """Return the content as only this browser can read it (aes128gcm); sender and salt are fresh each time."""
    sender = sender or ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(16)
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(p256dh))
    ours = _point(sender.public_key())
    shared = sender.exchange(ec.ECDH(), theirs)
    secret = _derived(shared, unb64(auth), b"WebPush: info\x00" + _point(theirs) + ours, 32)
    key = _derived(secret, salt, b"Content-Encoding: aes128gcm\x00", 16)
    nonce = _derived(secret, salt, b"Content-Encoding: nonce\x00", 12)
    record = AESGCM(key).encrypt(nonce, content + b"\x02", None)
    return salt + struct.pack("!IB", RECORD_BYTES, len(ours)) + ours + record


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def public_address(host: str) -> str:
    """Return an address of the host.

    Raises OSError when it has none, or one that is not on the open internet: a subscription must
    not make us knock at doors inside our own house.
    """
    found = {info[4][0] for info in socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)}
    addresses = [ipaddress.ip_address(str(one)) for one in found]
    if not addresses or not all(one.is_global and not one.is_multicast for one in addresses):
        raise OSError(f"{host} does not lead to the open internet")
    return str(min(addresses, key=lambda one: one.version))


class _Pinned(http.client.HTTPSConnection):
    """A connection to the very address that was looked at; a second look could be told another one."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(host, 443, timeout=TIMEOUT_S)
        self._address = address

    def connect(self) -> None:
        """Connect."""
        plain = socket.create_connection((self._address, 443), TIMEOUT_S)
        self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)


def _post(endpoint: str, headers: dict[str, str], body: bytes) -> int:
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    connection = _Pinned(host, public_address(host))
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path or "/", body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


# Puts a message down at a push service and returns its status.
post: Callable[[str, dict[str, str], bytes], int] = _post
