"""Makes the files beside it: small JPEG images, what Pillow decodes of them (.rgb, uint8) and what it resizes (.f32).

Run with Pillow and NumPy: python make_fixtures.py
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

HERE = Path(__file__).parent
# name, (left, top, right, bottom), (height, width), filter: Swift's ResamplingTests has the same list.
RESIZES = [
    ("whole_down_bicubic", (0, 0, 37, 29), (8, 11), Image.Resampling.BICUBIC),
    ("whole_up_bicubic", (0, 0, 37, 29), (41, 50), Image.Resampling.BICUBIC),
    ("box_bicubic", (3.25, 2.5, 30.75, 21.125), (9, 17), Image.Resampling.BICUBIC),
    ("box_bilinear", (3.25, 2.5, 30.75, 21.125), (9, 17), Image.Resampling.BILINEAR),
]


def picture(height: int, width: int) -> np.ndarray:
    """Waves of different lengths in the three channels, with hard edges: [height, width, 3] uint8."""
    y, x = np.mgrid[:height, :width]
    channels = [np.sin(x / 3) + np.cos(y / 5), np.sin(x * y / 40), np.where((x // 5 + y // 7) % 2, 1.0, -1.0)]
    return np.stack([np.clip(c * 90 + 128, 0, 255) for c in channels], -1).astype(np.uint8)


def save(name: str, image: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", **options)
    return write(name, stream.getvalue())


def write(name: str, data: bytes) -> bytes:
    (HERE / f"{name}.jpg").write_bytes(data)
    decoded = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    (HERE / f"{name}.rgb").write_bytes(np.asarray(decoded).tobytes())
    return data


def main() -> None:
    image = Image.fromarray(picture(29, 37))
    save("rgb", image, quality=90)
    save("sharp", image, quality=95, subsampling=0)
    save("progressive", image, quality=85, progressive=True)
    save("gray", image.convert("L"), quality=90)
    cmyk = save("cmyk", Image.fromarray(255 - np.dstack([picture(29, 37), picture(29, 37)[..., 1] // 3]), "CMYK"))
    adobe = cmyk.index(b"Adobe") + 11  # the marker's last byte: which transform was applied
    write("ycck", cmyk[:adobe] + b"\x02" + cmyk[adobe + 1 :])
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x010F] = "a camera"
        exif[0x0112] = orientation
        save(f"orientation_{orientation}", Image.fromarray(picture(9, 13)), quality=95, subsampling=0, exif=exif)

    pixels = picture(29, 37)
    (HERE / "picture.rgb").write_bytes(pixels.tobytes())
    for name, box, (height, width), filter in RESIZES:
        resized = Image.fromarray(pixels).resize((width, height), filter, box=box)
        (HERE / f"{name}.rgb").write_bytes(np.asarray(resized).tobytes())
        channels = [Image.fromarray(pixels[..., c].astype(np.float32)) for c in range(3)]
        resized = np.stack([np.asarray(c.resize((width, height), filter, box=box)) for c in channels], -1)
        (HERE / f"{name}.f32").write_bytes(resized.astype("<f4").tobytes())


if __name__ == "__main__":
    main()
