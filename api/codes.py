"""QR codes as pictures."""

import io

import segno
from flask import Response


def qr_svg(text: str) -> Response:
    """Return the text as a QR code, dark on light whatever the page's colours."""
    picture = io.BytesIO()
    segno.make(text, error="m").save(
        picture, kind="svg", scale=4, border=4, dark="#000", light="#fff"
    )
    return Response(picture.getvalue(), mimetype="image/svg+xml")
