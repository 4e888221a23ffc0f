"""Makes the folder `formats` beside it: small image files of every format and kind, and outcomes.json: what each must
be read as.

Run with Pillow 13.0.0, tifffile 2026.3.3, imagecodecs 2026.3.6 and NumPy: python make_formats.py

What was written is what must be read; where a file is lossy, Pillow's reading of it is.
"""

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageOps

HERE = Path(__file__).parent / "formats"
HEIGHT, WIDTH = 7, 11
outcomes: dict[str, dict[str, Any]] = {}

y, x = np.mgrid[:HEIGHT, :WIDTH]
RGB = np.stack([x * 23, y * 40, 255 - (x * y * 3) % 256], -1).astype(np.uint8)
GRAY = RGB[..., 2]
ALPHA = ((x + y) * 15).astype(np.uint8)
RGBA = np.dstack([RGB, ALPHA])
WORDS = (RGB.astype(np.uint16) * 257 + np.arange(3, dtype=np.uint16) * 50 + x[..., None].astype(np.uint16)) % 65521
BANDS = np.stack([(x * 20 + band * 3 + y) for band in range(8)], -1).astype(np.uint16) * 199


def on_white(rgba: np.ndarray) -> np.ndarray:
    """Alpha composed on white, rounded."""
    color, alpha = rgba[..., :-1].astype(np.int64), rgba[..., -1:].astype(np.int64)
    return ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def save(name: str, data: bytes, values: np.ndarray | None = None, *, tolerance: float = 0, **more: Any) -> None:
    """Write a file; `values` [H, W, C] uint8, uint16 or float32 are what it must be read as, RGB if not said."""
    (HERE / name).write_bytes(data)
    if values is None:
        outcomes[name] = more
        return
    highest = {"u": np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1, "f": 1}[values.dtype.kind]
    channels = values.shape[2]
    outcomes[name] = {
        "shape": list(values.shape),
        "channels": channels,
        "values": [round(float(v) / highest, 7) for v in values.reshape(-1)],
        "tolerance": tolerance,
        **more,
    }


def refused(name: str, data: bytes, problem: str, channels: int = 3) -> None:
    """Write a file that is an error whose text holds `problem`."""
    save(name, data, error=problem, channels=channels)


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def pillow(data: bytes) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


def gray3(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, -1)


def tiff(values: np.ndarray, **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, values, metadata=None, **options)
    return stream.getvalue()


def with_tag(data: bytes, tag: int, value: int) -> bytes:
    """A little-endian TIFF file with another number in a tag of one 16-bit value."""
    changed = bytearray(data)
    directory = struct.unpack_from("<I", data, 4)[0]
    for entry in range(struct.unpack_from("<H", data, directory)[0]):
        place = directory + 2 + 12 * entry
        if struct.unpack_from("<H", data, place)[0] == tag:
            struct.pack_into("<H", changed, place + 8, value)
            return bytes(changed)
    raise KeyError(tag)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(rows: bytes, bits: int, color: int, *chunks: bytes) -> bytes:
    """A PNG file of rows that each begin with their filter's number."""
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, color, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + b"".join(chunks) + png_chunk(b"IDAT", zlib.compress(rows))
        + png_chunk(b"IEND", b"")
    )  # fmt: skip


def png_rows(values: np.ndarray) -> bytes:
    big = values.astype(values.dtype.newbyteorder(">"))
    return b"".join(b"\0" + row.tobytes() for row in big)


def make_png() -> None:
    save("rgb.png", encoded(Image.fromarray(RGB), "PNG"), RGB)
    save("gray.png", encoded(Image.fromarray(GRAY), "PNG"), gray3(GRAY))
    save("gray_as_gray.png", encoded(Image.fromarray(GRAY), "PNG"), GRAY[..., None])
    save(
        "rgb_as_gray.png",
        encoded(Image.fromarray(RGB), "PNG"),
        np.asarray(Image.fromarray(RGB).convert("L"))[..., None],
    )
    save("rgba.png", encoded(Image.fromarray(RGBA), "PNG"), on_white(RGBA))
    save("rgba_as_rgba.png", encoded(Image.fromarray(RGBA), "PNG"), RGBA)
    save("rgb_as_rgba.png", encoded(Image.fromarray(RGB), "PNG"), np.dstack([RGB, np.full_like(GRAY, 255)]))
    gray_alpha = np.dstack([GRAY, ALPHA])
    save("gray_alpha.png", encoded(Image.fromarray(gray_alpha, "LA"), "PNG"), gray3(on_white(gray_alpha)[..., 0]))
    save("gray_alpha_as_both.png", encoded(Image.fromarray(gray_alpha, "LA"), "PNG"), gray_alpha)
    black_white = GRAY > 200
    save("one_bit.png", encoded(Image.fromarray(black_white), "PNG"), gray3(np.uint8(255) * black_white))
    index = (x % 4).astype(np.uint8)
    colors = np.array([[10, 20, 30], [255, 0, 0], [0, 255, 0], [1, 2, 255]], np.uint8)
    palette = png_chunk(b"PLTE", colors.tobytes())
    packed = np.packbits(np.unpackbits(index[..., None], axis=2)[..., 6:].reshape(HEIGHT, -1), axis=1)
    save("palette.png", png(png_rows(packed), 2, 3, palette), colors[index])
    some_clear = np.dstack([colors[index], np.array([255, 128, 0, 255], np.uint8)[index]])
    clear = png_chunk(b"tRNS", bytes([255, 128, 0]))
    save("palette_transparent.png", png(png_rows(packed), 2, 3, palette, clear), on_white(some_clear))
    save("gray16.png", png(png_rows(WORDS[..., 0]), 16, 0), gray3(WORDS[..., 0]))
    save("rgb16.png", png(png_rows(WORDS), 16, 2), WORDS)
    rgba16 = np.dstack([WORDS, ALPHA.astype(np.uint16) * 257])
    save("rgba16_as_rgba.png", png(png_rows(rgba16), 16, 6), rgba16)
    key = png_chunk(b"tRNS", struct.pack(">HHH", *(int(v) for v in RGB[2, 3])))
    keyed = RGB.copy()
    keyed[(RGB[2, 3] == RGB).all(-1)] = 255
    save("rgb_color_key.png", png(png_rows(RGB), 8, 2, key), keyed)
    # Seven passes of Adam7, each with its own rows.
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b"".join(png_rows(part) for r, c, dr, dc in passes if (part := RGB[r::dr, c::dc]).size)
    plain = bytearray(png(rows, 8, 2))
    plain[28] = 1
    plain[29:33] = struct.pack(">I", zlib.crc32(bytes(plain[12:29])))
    save("interlaced.png", bytes(plain), RGB)
    whole = encoded(Image.fromarray(RGB), "PNG")
    refused("cut.png", whole[:-40], "PNG")
    flipped = bytearray(whole)
    flipped[-20] ^= 255
    refused("damaged.png", bytes(flipped), "PNG")
    refused("rgb_as_bands.png", whole, "it has 3 channels, wanted 8", channels=8)
    exif = Image.Exif()
    exif[0x0112] = 6
    save("turned.png", data := encoded(Image.fromarray(RGB), "PNG", exif=exif), pillow(data))


def make_webp() -> None:
    save("lossless.webp", encoded(Image.fromarray(RGB), "WEBP", lossless=True), RGB)
    save("lossy.webp", data := encoded(Image.fromarray(RGB), "WEBP", quality=70), pillow(data))
    save("rgba.webp", encoded(Image.fromarray(RGBA), "WEBP", lossless=True, exact=True), on_white(RGBA))
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    moving = encoded(frames[0], "WEBP", lossless=True, save_all=True, append_images=frames[1:])
    save("moving.webp", moving, RGB)
    exif = Image.Exif()
    exif[0x0112] = 8
    save("turned.webp", data := encoded(Image.fromarray(RGB), "WEBP", lossless=True, exif=exif), pillow(data))
    refused("cut.webp", encoded(Image.fromarray(RGB), "WEBP", lossless=True)[:-30], "WebP")


def pages(first: np.ndarray, second: np.ndarray, **options: Any) -> bytes:
    """Two pages, the second by these options."""
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(first, photometric="rgb", metadata=None)
        writer.write(second, metadata=None, **options)
    return stream.getvalue()


def make_tiff() -> None:
    for name in ("zlib", "lzw", "packbits"):
        save(f"{name}.tif", tiff(RGB, photometric="rgb", compression=name, predictor=name != "packbits"), RGB)
    save("tiles.tif", tiff(np.tile(RGB, (3, 3, 1)), photometric="rgb", tile=(16, 16)), np.tile(RGB, (3, 3, 1)))
    save("big_endian.tif", tiff(WORDS, photometric="rgb", byteorder=">"), WORDS)
    save("big.tif", tiff(RGB, photometric="rgb", bigtiff=True), RGB)
    planes = np.moveaxis(WORDS, -1, 0)
    save("planes16.tif", tiff(planes, photometric="rgb", planarconfig="separate"), WORDS)
    save("white_is_zero.tif", tiff(255 - GRAY, photometric="miniswhite"), gray3(GRAY))
    save("white_is_zero16.tif", tiff(65535 - WORDS[..., 0], photometric="miniswhite"), gray3(WORDS[..., 0]))
    four = BANDS[..., :4]
    save("four_bands.tif", tiff(four, photometric="minisblack", planarconfig="contig"), four)
    save("eight_bands.tif", tiff(BANDS, photometric="minisblack", planarconfig="contig"), BANDS)
    save("eight_planes.tif", tiff(np.moveaxis(BANDS, -1, 0), photometric="minisblack", planarconfig="separate"), BANDS)
    # What tifffile makes of [H, W, 8] and [8, H, W] where nothing says what they are.
    for name, values in (("rows_as_pages", BANDS), ("bands_as_pages", np.moveaxis(BANDS, -1, 0))):
        refused(f"{name}.tif", tiff(values), "it holds several pages of ")
    save("smaller_copy.tif", pages(RGB, RGB[::2, ::2], photometric="rgb", subfiletype=1), RGB)
    save("mask_behind.tif", pages(RGB, GRAY > 128, photometric="mask", subfiletype=4), RGB)
    refused("eight_bands_as_rgb.tif", (HERE / "eight_bands.tif").read_bytes(), "it has 8 channels, wanted 3")
    floats = (WORDS / np.float32(65535)).astype(np.float32)
    save("float32.tif", tiff(floats, photometric="rgb"), floats, tolerance=1e-6)
    halves = floats.astype(np.float16)
    save("float16.tif", tiff(halves, photometric="rgb"), halves.astype(np.float32), tolerance=1e-6)
    save("float64.tif", tiff(floats.astype(np.float64), photometric="rgb"), floats, tolerance=1e-6)
    refused("float_beyond.tif", tiff(floats * 300, photometric="rgb"), "wanted values in 0 … 1")
    refused("signed.tif", tiff(RGB.astype(np.int16), photometric="rgb"), "signed integers")
    save("rgba.tif", tiff(RGBA, photometric="rgb", extrasamples=["unassalpha"]), on_white(RGBA))
    save("rgba_premultiplied.tif", tiff(
        np.dstack([(RGB.astype(int) * ALPHA[..., None] + 127) // 255, ALPHA]).astype(np.uint8), photometric="rgb",
        extrasamples=["assocalpha"],
    ), on_white(RGBA), tolerance=1.01 / 255)  # fmt: skip
    save("palette.tif", tiff(
        (x % 3).astype(np.uint8), photometric="palette",
        colormap=np.pad(np.array([[1, 200, 30], [9, 8, 7], [255, 0, 128]], np.uint16) * 257, ((0, 0), (0, 253))),
    ), np.array([[1, 200, 30], [9, 8, 7], [255, 0, 128]], np.uint8).T[x % 3])  # fmt: skip
    twelve = (WORDS[..., 0] >> 4).astype(np.uint16)
    scaled = ((twelve.astype(np.int64) * 65535 + 2047) // 4095).astype(np.uint16)
    save("twelve_bits.tif", tiff(twelve, photometric="minisblack", bitspersample=12), gray3(scaled))
    save("jpeg.tif", data := encoded(Image.fromarray(RGB), "TIFF", compression="jpeg"), pillow(data))
    save(
        "fax.tif",
        encoded(Image.fromarray(GRAY > 200), "TIFF", compression="group4"),
        gray3(np.uint8(255) * (GRAY > 200)),
    )
    save("cmyk.tif", data := encoded(Image.fromarray(RGB).convert("CMYK"), "TIFF"), pillow(data))
    ycbcr = encoded(Image.fromarray(RGB).convert("YCbCr"), "TIFF")
    save("ycbcr.tif", ycbcr, pillow(ycbcr), tolerance=1.01 / 255)
    save("turned.tif", encoded(Image.fromarray(RGB), "TIFF", tiffinfo={274: 5}), np.swapaxes(RGB, 0, 1))
    refused("jpeg2000.tif", with_tag(tiff(RGB, photometric="rgb"), 259, 34712), "JPEG 2000")
    refused("lab.tif", with_tag(tiff(RGB, photometric="rgb"), 262, 8), "CIE L*a*b*")
    refused("cut.tif", tiff(RGB, photometric="rgb")[:-50], "TIFF")


def make_others() -> None:
    save("rgb.bmp", encoded(Image.fromarray(RGB), "BMP"), RGB)
    save("gray.bmp", encoded(Image.fromarray(GRAY), "BMP"), gray3(GRAY))
    save("one_bit.bmp", encoded(Image.fromarray(GRAY > 200), "BMP"), gray3(np.uint8(255) * (GRAY > 200)))
    top_down = bytearray(encoded(Image.fromarray(RGB[::-1]), "BMP"))
    struct.pack_into("<i", top_down, 22, -HEIGHT)
    save("top_down.bmp", bytes(top_down), RGB)
    refused("cut.bmp", encoded(Image.fromarray(RGB), "BMP")[:-20], "it ends early")
    save("rgb.ppm", b"P6\n# drawn by a script\n11 7\n255\n" + RGB.tobytes(), RGB)
    save("gray.pgm", b"P5 11 7 255\n" + GRAY.tobytes(), gray3(GRAY))
    save("words.ppm", b"P6 11 7 65535\n" + WORDS.astype(">u2").tobytes(), WORDS)
    few = GRAY // 16
    save("fifteen.pgm", b"P5 11 7 15\n" + few.tobytes(), gray3(few * 17))
    refused("cut.ppm", b"P6 11 7 255\n" + RGB.tobytes()[:-1], "it ends early")
    for array in (GRAY, RGB, BANDS, (BANDS / np.float32(65535)).astype(">f4"), BANDS.astype(">u2")):
        stream = io.BytesIO()
        np.save(stream, array)
        values = array if array.ndim == 3 else gray3(array)
        order = "big_" if array.dtype.byteorder == ">" else ""
        kind = f"{'x'.join(map(str, array.shape))}_{order}{array.dtype.name}"
        save(f"{kind}.npy", stream.getvalue(), values.astype(values.dtype.newbyteorder("=")), tolerance=1e-6)
    stream = io.BytesIO()
    np.save(stream, RGB.astype(np.int64))
    refused("int64.npy", stream.getvalue(), "wanted uint8, uint16 or float32")
    stream = io.BytesIO()
    np.save(stream, np.asfortranarray(RGB))
    refused("fortran.npy", stream.getvalue(), "column by column")
    save("misnamed.jpg", encoded(Image.fromarray(RGB), "PNG"), RGB)
    save("gray.jpg", data := encoded(Image.fromarray(GRAY), "JPEG"), pillow(data))
    refused("picture.gif", encoded(Image.fromarray(GRAY), "GIF"), "it looks like GIF")
    refused("text.png", b"<!doctype html><title>404</title>", "HTML")


def main() -> None:
    HERE.mkdir(exist_ok=True)
    for old in HERE.iterdir():
        old.unlink()
    make_png()
    make_webp()
    make_tiff()
    make_others()
    (HERE / "outcomes.json").write_text(json.dumps(outcomes, sort_keys=True).replace("}, ", "},\n ") + "\n")


main()
