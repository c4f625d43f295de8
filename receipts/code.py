"""The QR code of a receipt's address."""

from io import BytesIO
from typing import NamedTuple


class Code(NamedTuple):
    """A square image, one pixel a module; ``modules`` is its side, the quiet zone included."""

    png: bytes
    modules: int


# Searching for the best mask costs five times as much, and no reader here missed it.
_MASK = 3
_QUIET_ZONE = 4


def qr_code(url: str) -> Code:
    """Draw a URL as a black and white PNG, to be scaled without smoothing.

    A quarter of the code may be lost to stains and folds (error correction Q). The smallest
    version that holds the URL is chosen: 5 up to 60 bytes, 7 up to 86. Raises ValueError for a
    URL beyond the largest (1,663 bytes).
    """
    # Loaded only where something is drawn: a web worker that never draws stays small.
    from PIL import Image
    from qrcode.constants import ERROR_CORRECT_Q
    from qrcode.main import QRCode

    code = QRCode(error_correction=ERROR_CORRECT_Q, border=_QUIET_ZONE, mask_pattern=_MASK)
    code.add_data(url.encode(), optimize=0)
    code.make(fit=True)
    rows = code.get_matrix()
    image = Image.new("1", (len(rows), len(rows)))
    image.putdata([not dark for row in rows for dark in row])
    png = BytesIO()
    image.save(png, "PNG")
    return Code(png.getvalue(), len(rows))
