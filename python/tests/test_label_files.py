"""Label maps in files: read as they are stored, by Pillow and by us, and written with a whole palette."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import latentmim as lm

LABELS = np.random.default_rng(0).choice([0, 1, 2, 20, 255], (13, 29)).astype(np.uint8)


def test_labels_survive(tmp_path: Path) -> None:
    """Also through Pillow, which finds 256 different colours in VOC's order."""
    lm.data.write_labels(tmp_path / "a.png", LABELS)
    picture = Image.open(tmp_path / "a.png")
    assert picture.mode == "P"
    assert np.array_equal(np.array(picture), LABELS)
    palette = np.array(picture.getpalette()).reshape(-1, 3)
    assert len(np.unique(palette, axis=0)) == 256
    assert palette[[0, 1, 2, 20, 21, 255]].tolist() == [
        [0, 0, 0], [128, 0, 0], [0, 128, 0], [0, 64, 128], [128, 64, 128], [224, 224, 192],
    ]  # fmt: skip
    assert np.array_equal(lm.data.read_labels(tmp_path / "a.png"), LABELS)
    picture.save(tmp_path / "b.png")
    again = lm.data.read_labels(tmp_path / "b.png")
    assert np.array_equal(again, LABELS) and again.dtype == np.int32


@pytest.mark.parametrize("labels", [[[0]], [[255]], [[0, 1]], [[True, False]], [[7]] * 300, [list(range(256))]])
def test_few_labels_are_8_bits(labels: list[list[int]], tmp_path: Path) -> None:
    lm.data.write_labels(tmp_path / "a.PNG", labels)
    content = (tmp_path / "a.PNG").read_bytes()
    assert content[24:26] == bytes([8, 3]), "8 bits, a palette"
    assert content[33:41] == struct.pack(">I", 768) + b"PLTE"
    assert np.array_equal(lm.data.read_labels(tmp_path / "a.PNG"), np.array(labels, int))


def png(bits: int, color: int, rows: list[bytes], width: int, palette: bytes = b"", interlaced: bool = False) -> bytes:
    """A PNG file, chunk by chunk."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, len(rows), bits, color, 0, 0, int(interlaced))
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + (chunk(b"PLTE", palette) if palette else b"")
        + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )  # fmt: skip


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("color", [0, 3])
def test_bits_are_not_scaled(bits: int, color: int, tmp_path: Path) -> None:
    """Grey and indices of 1, 2, 4 and 8 bits; two indices with the same colour stay two labels."""
    width = 11
    labels = np.arange(3 * width).reshape(3, width) % 2**bits
    packed = [
        int("".join(f"{label:0{bits}b}" for label in row).ljust(-(-width * bits // 8) * 8, "0"), 2)
        .to_bytes(-(-width * bits // 8), "big") for row in labels
    ]  # fmt: skip
    palette = bytes(3 * 2**bits) if color == 3 else b""
    (tmp_path / "a.png").write_bytes(png(bits, color, packed, width, palette))
    assert np.array_equal(lm.data.read_labels(tmp_path / "a.png"), labels)


def test_16_bits(tmp_path: Path) -> None:
    labels = np.array([[0, 1, 255], [256, 300, 65535]], np.uint16)
    (tmp_path / "a.png").write_bytes(png(16, 0, [row.astype(">u2").tobytes() for row in labels], 3))
    assert np.array_equal(lm.data.read_labels(tmp_path / "a.png"), labels)


@pytest.mark.parametrize("mode", ["L", "1", "P", "I;16"])
@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_pillows_files(mode: str, ending: str, tmp_path: Path) -> None:
    """What is read is what Pillow wrote, or it is refused; never other numbers."""
    labels = LABELS.astype(np.uint16) * 200 if mode == "I;16" else LABELS > 1 if mode == "1" else LABELS
    picture = Image.fromarray(labels)
    if mode == "P":
        picture.putpalette(np.random.default_rng(1).integers(0, 256, 768).astype(np.uint8).tobytes())
    if ending == "pgm" and mode in ("1", "P"):
        return
    path = tmp_path / f"a.{ending}"
    picture.save(path)
    if ending == "tif" and mode in ("1", "P"):
        with pytest.raises(
            ValueError, match=r"a\.tif': as TIFF it holds no labels: .*, wanted one whole number a pixel"
        ):
            lm.data.read_labels(path)
    else:
        assert np.array_equal(lm.data.read_labels(path), labels)


@pytest.mark.parametrize(
    "kind", ["?", "i1", "u1", "<i2", ">i2", "<u2", "<i4", ">i4", "<u4", "<i8", ">i8", "<u8", ">u8"]
)
def test_arrays(kind: str, tmp_path: Path) -> None:
    labels = np.array([[0, 1], [1, 0]] if kind == "?" else [[0, 1], [2, 127]]).astype(kind)
    if np.dtype(kind).kind == "i":
        labels[0, 0] = -1
    np.save(tmp_path / "a.npy", labels)
    assert np.array_equal(lm.data.read_labels(tmp_path / "a.npy"), labels)


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (np.array([[2**31]]), "a number in row 0 has more than 31 bits"),
        (np.array([[0], [2**64 - 1]], np.uint64), "a number in row 1 has more than 31 bits"),
        (np.zeros((2, 2), np.float32), "its type is '<f4'"),
        (np.zeros((2, 2, 3), np.uint8), r"its shape is \[2, 2, 3\]"),
        (np.asfortranarray(np.zeros((2, 3), int)), "column by column"),
    ],
)
def test_arrays_that_are_no_labels(labels: np.ndarray, problem: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", labels)
    with pytest.raises(ValueError, match=rf"a\.npy': .*{problem}"):
        lm.data.read_labels(tmp_path / "a.npy")


def test_colours_and_lossy_files_are_refused(tmp_path: Path) -> None:
    colours = Image.fromarray(np.zeros((4, 4, 3), np.uint8))
    for name, picture, problem in [
        ("a.png", colours, "it has 3 channels a pixel"),
        ("b.png", colours.convert("RGBA"), "it has 4 channels a pixel"),
        ("c.png", colours.convert("LA"), "it has 2 channels a pixel"),
        ("d.tif", colours, "it has 3 channels a pixel"),
        ("e.ppm", colours, "its pixels are colours"),
        ("f.jpg", colours.convert("L"), "the format keeps no numbers as they are"),
        ("g.webp", colours, "the format keeps no numbers as they are"),
        ("h.bmp", colours, "the format keeps no numbers as they are"),
    ]:
        picture.save(tmp_path / name)
        with pytest.raises(ValueError, match=rf"{name}': as .* holds no labels: {problem}, wanted one whole number"):
            lm.data.read_labels(tmp_path / name)


def test_pgm_keeps_its_numbers(tmp_path: Path) -> None:
    """Also where its greatest value is no power of two: pictures are scaled, labels are not."""
    (tmp_path / "a.pgm").write_bytes(b"P5 3 1 20\n\x00\x03\x14")
    assert lm.data.read_labels(tmp_path / "a.pgm").tolist() == [[0, 3, 20]]
    (tmp_path / "a.pgm").write_bytes(b"P5 2 1 300\n\x00\x03\x01\x14")
    assert lm.data.read_labels(tmp_path / "a.pgm").tolist() == [[3, 276]]


def test_damage_is_an_error(tmp_path: Path) -> None:
    lm.data.write_labels(tmp_path / "a.png", LABELS)
    content = (tmp_path / "a.png").read_bytes()
    for cut in range(0, len(content) - 12, 7):
        (tmp_path / "b.png").write_bytes(content[:cut])
        with pytest.raises(ValueError, match=r"b\.png"):
            lm.data.read_labels(tmp_path / "b.png")
    with pytest.raises(FileNotFoundError):
        lm.data.read_labels(tmp_path / "none.png")
    huge = png(8, 3, [b"\0"], 1, bytes(768)).replace(struct.pack(">II", 1, 1), struct.pack(">II", 2**30, 2**30))
    (tmp_path / "b.png").write_bytes(huge)
    with pytest.raises(ValueError, match=r"b\.png"):
        lm.data.read_labels(tmp_path / "b.png")


def test_what_is_not_written(tmp_path: Path) -> None:
    for labels, kind, problem in [
        ([[0, 256]], ValueError, "row 0, column 1 is 256, wanted 0 … 255"),
        ([[0], [-1]], ValueError, "row 1, column 0 is -1"),
        ([[0.5]], TypeError, "dtype is float64"),
        ([1, 2], ValueError, r"shape is \[2\], wanted \[H, W\]"),
        (np.zeros((0, 3), int), ValueError, r"\[0, 3\]"),
    ]:
        with pytest.raises(kind, match=problem):
            lm.data.write_labels(tmp_path / "a.png", labels)
    with pytest.raises(ValueError, match=r"a\.jpg': .*wanted a path that ends in \.png"):
        lm.data.write_labels(tmp_path / "a.jpg", LABELS)
    with pytest.raises(FileNotFoundError):
        lm.data.write_labels(tmp_path / "no/a.png", LABELS)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("size", [(13, 29), (5, 7), (1, 1), (26, 58), (30, 31), (100, 3)])
def test_resizing_is_by_the_centre(size: tuple[int, int]) -> None:
    """As Pillow's NEAREST, down and up."""
    resized = np.array(Image.fromarray(LABELS).resize(size[::-1], Image.Resampling.NEAREST))
    assert np.array_equal(lm.data.resize_labels(LABELS, size), resized)


def test_resizing_to_an_eighth() -> None:
    """Pixel 4 of 8, not pixel 0: half a cell apart."""
    labels = np.tile(np.arange(16), (8, 1))
    assert lm.data.resize_labels(labels, (1, 2)).tolist() == [[4, 12]]


def test_no_memory_for_sizes_that_no_memory_has() -> None:
    """It is said what was asked for."""
    for function in (lm.data.resize_labels, lambda labels, size: lm.resize(labels[..., None].astype(np.uint8), size)):
        with pytest.raises(MemoryError, match=r"resize.*2147483647.* GiB, which there are not"):
            function(np.zeros((2, 3), int), 2**31 - 1)
