"""Formats that the core does not read, by Pillow and pydicom where they are installed: for `pack`."""

from __future__ import annotations

import importlib
import io
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ENDINGS", "decode", "kind_of", "png"]

# Endings of their files.
ENDINGS = ("gif", "avif", "heic", "heif", "hif", "jp2", "j2k", "j2c", "jpx", "dcm", "dicom")

# How files begin: the place, the bytes there, the format.
BEGINNINGS = (
    (0, b"GIF8", "GIF"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypavis", "AVIF"),
    (4, b"ftyphei", "HEIF"),
    (4, b"ftyphev", "HEIF"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftypmsf1", "HEIF"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (128, b"DICM", "DICOM"),
)


def kind_of(content: bytes) -> str | None:
    """The format of a file, where it is one of these.

    Examples:
        >>> from latentmim.data.foreign import kind_of
        >>> kind_of(b"GIF89a")
        'GIF'

    """
    return next((kind for place, bytes_, kind in BEGINNINGS if content[place : place + len(bytes_)] == bytes_), None)


def decode(kind: str, content: bytes) -> NDArray[Any]:
    """The picture in a file, upright: the first where it holds several.

    Args:
        kind: what `kind_of` says.
        content: the whole file.

    Returns:
        [H, W] or [H, W, C], uint8 or uint16.

    Raises:
        ImportError: the library that reads it is not installed.
        ValueError: it cannot be read.

    Examples:
        >>> import io
        >>> from PIL import Image
        >>> file = io.BytesIO()
        >>> Image.new("RGB", (6, 4), "red").save(file, "GIF")
        >>> from latentmim.data.foreign import decode
        >>> decode("GIF", file.getvalue()).shape
        (4, 6, 3)

    """
    reader = _dicom if kind == "DICOM" else _pillow
    try:
        return reader(kind, content)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # libraries raise what they like about damaged files
        raise ValueError(f"it cannot be decoded as {kind}: {str(error) or type(error).__name__}") from error


def _module(name: str, package: str, kind: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ImportError(f"it is {kind}, which {package} reads: pip install {package}") from None


def _pillow(kind: str, content: bytes) -> NDArray[Any]:
    images = _module("PIL.Image", "Pillow", kind)
    turning = _module("PIL.ImageOps", "Pillow", kind)
    if kind == "HEIF":
        _module("pillow_heif", "pillow-heif", kind).register_heif_opener()
    with images.open(io.BytesIO(content)) as opened:
        image = turning.exif_transpose(opened)
        if image.mode.startswith("I"):
            values = np.asarray(image)
            if values.min() < 0 or values.max() > 65535:
                raise ValueError(f"its values are {values.min()} … {values.max()}, wanted 0 … 65535")
            return values.astype(np.uint16)
        if image.mode == "F":
            raise ValueError("its values are floats of an unknown range")
        if image.mode not in ("L", "LA", "RGB", "RGBA"):
            is_transparent = "transparency" in image.info or image.mode in ("PA", "La", "RGBa")
            image = image.convert("L" if image.mode == "1" else "RGBA" if is_transparent else "RGB")
        pixels: NDArray[Any] = np.asarray(image)
        return pixels


def png(pixels: NDArray[Any]) -> bytes:
    """A PNG file of uint8 pixels, by Pillow.

    Examples:
        >>> from latentmim.data.foreign import png
        >>> png(np.zeros((4, 4, 3), np.uint8))[1:4]
        b'PNG'

    """
    images = _module("PIL.Image", "Pillow", "PNG")
    file = io.BytesIO()
    images.fromarray(pixels).save(file, "png", compress_level=3)
    return file.getvalue()


def _dicom(kind: str, content: bytes) -> NDArray[Any]:
    pydicom = _module("pydicom", "pydicom", kind)
    processing = importlib.import_module("pydicom.pixels")
    data = pydicom.dcmread(io.BytesIO(content))
    pixels = processing.pixel_array(data, index=0)  # the first frame; YCbCr becomes RGB
    meaning = data.PhotometricInterpretation
    bits = int(data.BitsStored)
    if meaning == "PALETTE COLOR":
        colors = processing.apply_color_lut(pixels, data)
        return _scaled(colors / np.iinfo(colors.dtype).max, colors.itemsize * 8)
    if pixels.ndim == 3:
        return _scaled(pixels / (2**bits - 1), bits)
    values = processing.apply_modality_lut(pixels, data).astype(np.float64)
    shown = _window(values, data, processing, pixels)
    bits = bits if shown is None else 16
    if shown is None:
        # No window: the range that the stored bits have, so that pictures stay comparable.
        lowest = -(2 ** (bits - 1)) if data.PixelRepresentation else 0
        ends = np.array([lowest, lowest + 2**bits - 1], pixels.dtype)
        ends = processing.apply_modality_lut(ends, data).astype(np.float64)
        shown = (values - ends.min()) / max(float(np.ptp(ends)), 1e-30)
    # MONOCHROME1 shows low values white.
    return _scaled(1 - shown if meaning == "MONOCHROME1" else shown, bits)


def _window(values: NDArray[Any], data: Any, processing: Any, pixels: NDArray[Any]) -> NDArray[Any] | None:
    """Values 0 … 1 by the first table or window of the file; None where it has none. DICOM PS3.3, C.11.2.1."""
    if data.get("VOILUTSequence"):
        table = processing.apply_voi(processing.apply_modality_lut(pixels, data), data)
        bits = int(data.VOILUTSequence[0].LUTDescriptor[2])
        return np.asarray(table / (2**bits - 1))
    if "WindowCenter" not in data or "WindowWidth" not in data:
        return None
    center, width = (float(np.atleast_1d(data[name].value)[0]) for name in ("WindowCenter", "WindowWidth"))
    function = data.get("VOILUTFunction") or "LINEAR"
    if width <= 0:
        raise ValueError(f"its window is {width} wide, wanted more than 0")
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(-4 * (values - center) / width)))
    if function == "LINEAR_EXACT":
        return np.asarray((values - center) / width + 0.5)
    return np.asarray((values - (center - 0.5)) / max(width - 1, 1e-30) + 0.5)


def _scaled(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """From 0 … 1 to all of 8 bits, or of 16 where there are more."""
    levels: NDArray[Any] = np.rint(np.clip(values, 0, 1) * (255 if bits <= 8 else 65535))
    return levels.astype(np.uint8 if bits <= 8 else np.uint16)
