"""Pictures from outside: looked into before they are believed, and stripped where they come from strangers."""

import io
import warnings
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from core.errors import Invalid

MOST_PIXELS = 40_000_000
LONGEST_SIDE = 2000

Image.MAX_IMAGE_PIXELS = MOST_PIXELS


def _open(content: bytes | BinaryIO) -> Image.Image:
    source = io.BytesIO(content) if isinstance(content, bytes) else content
    try:
        with warnings.catch_warnings():
            # A small file can unfold into gigabytes; the library only warns.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(source, formats=["JPEG", "PNG", "WEBP"])
            if picture.width * picture.height > MOST_PIXELS:
                raise Invalid("The picture is too large.")
            return picture
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        OSError,
        ValueError,
    ) as error:
        raise Invalid(
            "This is not a picture we can read.",
            fields={"photo": ["Not a JPEG, PNG or WebP picture."]},
        ) from error


def clean_picture(content: bytes | BinaryIO) -> None:
    """Check that the bytes, or an open file of them, are a picture of a sane size.

    Raises Invalid.
    """
    picture = _open(content)
    try:
        picture.verify()
    except Exception as error:
        raise Invalid(
            "This is not a picture we can read.", fields={"photo": ["Damaged."]}
        ) from error


def stripped_picture(content: bytes) -> bytes:
    """Return a stranger's picture as a fresh JPEG: upright, of a sane size, without its position or anything hidden.

    Raises Invalid.
    """
    picture = _open(content)
    try:
        picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        upright = ImageOps.exif_transpose(picture).convert("RGB")
        upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        # Comments and the like would be written again otherwise.
        upright.info = {}
        out = io.BytesIO()
        upright.save(out, "JPEG", quality=85)
    except Exception as error:
        raise Invalid(
            "This is not a picture we can read.", fields={"photo": ["Damaged."]}
        ) from error
    return out.getvalue()
