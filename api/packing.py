"""A body made small, where the asker understands that: as the framework does it, for answers without one."""

import sys
import zlib
from collections.abc import Callable

import brotli
from werkzeug.http import parse_accept_header

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# As the framework's: what is shorter gains nothing.
WORTH_IT = 1000
ZSTD_LEVEL, BROTLI_QUALITY, GZIP_LEVEL = 3, 4, 6


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


# The ones we like best come first.
_PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstd.compress(body, ZSTD_LEVEL),
    "br": lambda body: bytes(brotli.compress(body, quality=BROTLI_QUALITY)),
    "gzip": _gzip,
}


def packed(body: bytes, accepted: str) -> tuple[bytes, list[tuple[str, str]]]:
    """Return the body as the `Accept-Encoding` header wants it, and the headers that say so."""
    headers = [("Vary", "Accept-Encoding")]
    if not accepted or len(body) < WORTH_IT:
        return body, headers
    wanted = parse_accept_header(accepted)
    name = max(_PACKERS, key=wanted.quality)
    if wanted.quality(name) <= 0:
        return body, headers
    return _PACKERS[name](body), [*headers, ("Content-Encoding", name)]
