"""An image, a text and a series that mean nothing, for the input example of a model that takes one."""

from __future__ import annotations

import base64
import struct
import zlib

from assay.artifacts import Signal


def blank(signal: Signal) -> object:
    """A value of the raw column as JSON holds it; bytes in base64, as MLflow wants them."""
    if signal.kind == "image":
        return base64.b64encode(png(*signal.shape)).decode()
    if signal.kind == "text":
        return "text"
    channels = signal.shape[-1]
    return [[0.0] * channels] * channels  # as many steps as channels: right in either layout


def png(channels: int, height: int, width: int) -> bytes:
    """A black PNG (W3C PNG specification, sections 5 and 11), grey or in colour."""
    colour = 0 if channels == 1 else 2
    rows = (b"\0" + bytes(width * channels)) * height
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
