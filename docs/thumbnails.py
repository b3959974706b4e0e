"""Thumbnails that can be read: of a figure of several panels side by side, as many from the left as fill the frame."""
import numpy as np
from PIL import Image

WIDE = 2.0  # width over height, beyond which the panels of a figure would be too small


def left_panels(image):
    """The image up to the widest gap between panels that leaves it no wider than `WIDE`; titles above the panels do not count."""
    width, height = image.size
    if width <= WIDE * height:
        return image
    is_white = (np.asarray(image.convert("L"))[height // 4 :] > 250).all(axis=0)[: int(WIDE * height)]
    edges = np.flatnonzero(np.diff(np.r_[False, is_white, False].astype(int))).reshape(-1, 2)
    gaps = edges[edges[:, 0] > 0.8 * height]
    if not len(gaps):
        return image
    start, end = gaps[np.argmax(np.diff(gaps, axis=1))]
    return image.crop((0, 0, (start + end) // 2, height))


def scale_image(in_name, out_name, max_width, max_height):
    """What sphinx-gallery calls to make a thumbnail."""
    with Image.open(in_name) as image:
        part = left_panels(image.convert("RGB"))
    part.thumbnail((max_width, max_height), Image.Resampling.LANCZOS)
    frame = Image.new("RGB", (max_width, max_height), "white")
    frame.paste(part, ((max_width - part.width) // 2, (max_height - part.height) // 2))
    frame.save(out_name)
