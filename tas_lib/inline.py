"""What a page holds itself, so that it fetches nothing: data addresses, JSON for its scripts."""

import base64
import json
from io import BytesIO
from typing import Any

from PIL import Image


def address(data: bytes, mime: str) -> str:
    """Bytes as an address that holds them."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def webp(image: Image.Image, **options: Any) -> str:
    """An image as the address of a WebP picture; options of Pillow's."""
    buffer = BytesIO()
    image.save(buffer, "WEBP", **options)
    return address(buffer.getvalue(), "image/webp")


def as_json(data: Any) -> str:
    """JSON that may stand in a script element: nothing in it ends the element."""
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
