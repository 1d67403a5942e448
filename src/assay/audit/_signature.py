"""Who vouches for the evidence: an ed25519 signature (RFC 8032) over the manifest.

The private key comes from the environment, ASSAY_SIGNING_KEY: a PEM file's path, or its text. It is never written down.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from assay.errors import AssayError

VARIABLE = "ASSAY_SIGNING_KEY"
HOW = "Make one with `openssl genpkey -algorithm ed25519 -out key.pem`."


def signer() -> str:
    """The public key, in hex, of whoever signs here; empty where nobody does."""
    key = _key()
    return key.public_key().public_bytes_raw().hex() if key is not None else ""


def sign(data: bytes) -> str:
    """The signature of `data` in hex; empty where nobody signs."""
    key = _key()
    return key.sign(data).hex() if key is not None else ""


def is_valid(public: str, signature: str, data: bytes) -> bool:
    """Whether the holder of the key with this public part has signed `data`."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), data)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key(text: str) -> str:
    """The public key in `text`, or in the file of that name, in hex. Raises AssayError when it is none."""
    data = Path(text).read_bytes() if Path(text).is_file() else text.strip().encode()
    try:
        if not data.lstrip().startswith(b"-----"):
            return Ed25519PublicKey.from_public_bytes(bytes.fromhex(data.decode().strip())).public_bytes_raw().hex()
        key = load_pem_public_key(data)
    except (ValueError, UnicodeDecodeError) as error:
        raise AssayError(
            f"--key: {text!r} is no public key ({error}). Allowed: a PEM file, or 64 hex digits."
        ) from None
    if not isinstance(key, Ed25519PublicKey):
        raise AssayError(f"--key: {text!r} holds another kind of key. Allowed: ed25519.")
    return key.public_bytes_raw().hex()


def _key() -> Ed25519PrivateKey | None:
    text = os.environ.get(VARIABLE, "")
    if not text:
        return None
    try:
        data = text.encode() if text.lstrip().startswith("-----") else Path(text).expanduser().read_bytes()
        key = load_pem_private_key(data, password=None)
    except (OSError, ValueError, TypeError) as error:  # what the key is, is not for any message
        kind = type(error).__name__
        raise AssayError(f"{VARIABLE} holds no private key that can be read ({kind}). {HOW}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise AssayError(f"{VARIABLE} holds another kind of key. Allowed: ed25519. {HOW}")
    return key
