"""One file of many images: the same to training as the folder, resumable, and right about what it cannot read."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels
from PIL import Image, features

import latentmim as lm
from latentmim import cli
from latentmim.data import foreign, unfinished


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "photos.safetensors"


def pack(data: Any, out: Path, **options: Any) -> lm.data.PackReport:
    return lm.data.pack(data, out, progress=False, **options)


def leftovers(out: Path) -> list[str]:
    return sorted(name for name in os.listdir(out.parent) if name.startswith(f".{out.name}"))


def test_training_sees_the_same(folder: Path, out: Path) -> None:
    report = pack(folder, out)
    assert (report.images, report.bytes, report.skipped) == (12, out.stat().st_size, [])
    photos, packed = lm.ImageFolder(folder), lm.data.Packed(out)
    config = lm.LatentMIM(**SMALL).config
    for epoch in range(3):
        np.testing.assert_array_equal(packed.crops(config, epoch=epoch), photos.crops(config, epoch=epoch))
    order = [7, 0, 11, 3]
    np.testing.assert_array_equal(packed.crops(config, order), photos.crops(config, order))
    np.testing.assert_array_equal(packed.labels, photos.labels)
    assert packed.classes == photos.classes and leftovers(out) == []
    assert packed.paths == [path.replace(str(folder), str(out)) for path in photos.paths]
    assert repr(packed) == f"Packed('{out}': 12 images, 2 classes)"


def test_a_run_goes_on_with_the_packed_file(folder: Path, out: Path, tmp_path: Path) -> None:
    pack(folder, out)

    def trainer(data: Path, seed: int) -> lm.Trainer:
        model = lm.LatentMIM(**SMALL, seed=seed)
        return lm.Trainer(model, data, epochs=2, batch_size=6, seed=3, progress=False)

    first, second = trainer(folder, 1), trainer(out, 2)
    first.step()
    first.save(tmp_path / "half")
    second.restore(tmp_path / "half")
    for ending in (first, second):
        while ending.step():
            pass
    for name, value in first.model.parameters().items():
        np.testing.assert_array_equal(second.model.parameters()[name], value, err_msg=name)
    pack(folder, tmp_path / "smaller", size=20)
    with pytest.raises(ValueError, match="other content"):
        trainer(tmp_path / "smaller", 1).restore(tmp_path / "half")


def test_safetensors_opens_it(folder: Path, out: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    pack(folder, out)
    tensors = numpy.load_file(out)
    photos = lm.ImageFolder(folder)
    first = tensors["files"][: tensors["offsets"][1]].tobytes()
    assert first == Path(photos.paths[0]).read_bytes()
    names = np.split(tensors["names"], tensors["name_offsets"][1:-1])
    assert names[0].tobytes().decode() == "cats/01.jpg" and len(names) == 12
    assert tensors["labels"].tolist() == [0] * 6 + [1] * 6 and tensors["checksums"].dtype == np.uint32


def test_names_that_are_no_utf8_and_empty_classes(folder: Path, out: Path) -> None:
    os.rename(os.fsencode(folder) + b"/dogs", os.fsencode(folder) + b"/d\xe9")
    (folder / "empty").mkdir()
    (folder / "empty" / "notes.txt").write_text("none")
    with pytest.warns(UserWarning):
        photos = lm.ImageFolder(folder)
    with pytest.warns(UserWarning):
        pack(folder, out)
    packed = lm.data.Packed(out)
    assert packed.classes == photos.classes == ["cats", os.fsdecode(b"d\xe9"), "empty"]
    np.testing.assert_array_equal(packed.labels, photos.labels)


def test_lists_subsets_and_arrays(folder: Path, out: Path, tmp_path: Path) -> None:
    photos = lm.ImageFolder(folder)
    pack(photos.subset([8, 2]), out)
    packed = lm.data.Packed(out)
    np.testing.assert_array_equal(packed[0], photos[8])
    assert packed.labels is not None and packed.labels.tolist() == [1, 0]
    with pytest.raises(ValueError, match="is packed already"):
        pack(packed, tmp_path / "again")
    pack(lm.data.ImageList([*photos.paths[:3], os.path.relpath(photos.paths[3])]), tmp_path / "list")
    assert lm.data.Packed(tmp_path / "list").labels is None
    twice = lm.Arrays(pixels(9)).subset([8, 7, 6, 5, 4])[1:3]
    pack(twice, tmp_path / "twice")
    np.testing.assert_array_equal(np.stack(list(lm.data.Packed(tmp_path / "twice"))), np.stack(list(twice)))
    for name, array in {"a8": pixels(4), "a16": pixels(4).astype(np.uint16) * 257, "f": pixels(4) / 255}.items():
        pack(lm.Arrays(array, [1, 0, 1, 2]), tmp_path / name)
        data = lm.data.Packed(tmp_path / name)
        np.testing.assert_array_equal(np.stack(list(data)), np.stack(list(lm.Arrays(array))))
        assert data.labels is not None and data.labels.tolist() == [1, 0, 1, 2]


def test_smaller_images(folder: Path, out: Path, tmp_path: Path) -> None:
    wide = np.random.default_rng(0).integers(0, 65536, (30, 100, 1), np.uint16)
    np.save(folder / "cats" / "00.npy", wide)
    Image.fromarray(pixels(1, 10, 80)[0]).save(folder / "cats" / "small.png")
    pack(folder, out, size=20)
    photos, packed = lm.ImageFolder(folder), lm.data.Packed(out)
    shapes = {image.shape for image in packed}
    assert shapes == {(20, 26, 3), (20, 67, 3), (10, 80, 3)}
    np.testing.assert_array_equal(packed[7], photos[7])  # no smaller side: as it was
    sizes = [photos[index].shape[:2] for index in (0, 1)]
    assert sizes == [(30, 100), (40, 52)]
    for index, levels in ((0, 65535), (1, 255)):
        wanted = np.clip(lm.resize(photos[index], packed[index].shape[:2]), 0, 1)
        assert np.abs(packed[index] - wanted).max() <= 0.5001 / levels
    assert np.load(io.BytesIO(entry(out, 1))).dtype == np.uint8
    again = pack(out, tmp_path / "smaller", size=8)
    assert again.images == 14 and lm.data.Packed(tmp_path / "smaller")[1].shape == (8, 10, 3)


def entry(path: Path, index: int) -> bytes:
    """The bytes of a packed file's image."""
    numpy = pytest.importorskip("safetensors.numpy")
    tensors = numpy.load_file(path)
    begin, end = tensors["offsets"][index : index + 2]
    content: bytes = tensors["files"][begin:end].tobytes()
    return content


def test_formats_of_pillow(folder: Path, out: Path) -> None:
    image = Image.fromarray(pixels(1, 24, 32)[0])
    first = image.quantize(64)
    first.save(folder / "cats" / "moving.gif", save_all=True, append_images=[image.rotate(90).quantize(64)])
    see_through = Image.new("P", (8, 8), 1)
    see_through.putpalette([9, 9, 9, 200, 100, 50])
    see_through.save(folder / "dogs" / "clear.GIF", transparency=1)
    wanted = {"moving.gif": np.asarray(first.convert("RGB")) / 255, "clear.GIF": np.ones((8, 8, 3))}
    if features.check("jpg_2000"):
        image.save(folder / "dogs" / "x.jp2", irreversible=False)
        wanted["x.jp2"] = np.asarray(image) / 255
        deep = np.random.default_rng(0).integers(0, 65536, (9, 7), np.uint16)
        Image.fromarray(deep).save(folder / "dogs" / "deep.jp2", irreversible=False)
        wanted["deep.jp2"] = np.repeat(deep[..., None] / 65535, 3, 2)
    if features.check("avif"):
        image.save(folder / "cats" / "y.avif", quality=100, subsampling="4:4:4")
        wanted["y.avif"] = np.asarray(Image.open(folder / "cats" / "y.avif").convert("RGB")) / 255
    pack(folder, out)
    packed = lm.data.Packed(out)
    assert len(packed) == 12 + len(wanted) and packed.labels is not None
    for index, path in enumerate(packed.paths):
        if (name := os.path.basename(path)) in wanted:
            np.testing.assert_allclose(packed[index], wanted.pop(name), atol=1e-6, err_msg=name)
            assert packed.classes[packed.labels[index]] == path.split("/")[-2]
    assert not wanted


def test_libraries_that_are_missing(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (8, 8)).save(folder / "cats" / "x.gif")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match=r"x\.gif': it is GIF, which Pillow reads: pip install Pillow"):
        pack(folder, out)
    assert pack(folder, out, on_error="skip").skipped[0][0] == str(folder / "cats" / "x.gif")


def dicom(values: np.ndarray, **fields: Any) -> bytes:
    """A DICOM file of [H, W] or [H, W, 3] whole numbers."""
    pydicom = pytest.importorskip("pydicom")
    data = pydicom.dataset.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.3"
    data.Rows, data.Columns = values.shape[:2]
    data.SamplesPerPixel = 1 if values.ndim == 2 else 3
    data.PhotometricInterpretation = "MONOCHROME2" if values.ndim == 2 else "RGB"
    if values.ndim == 3:
        data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = 8 * values.dtype.itemsize
    data.PixelRepresentation = int(values.dtype.kind == "i")
    for name, value in fields.items():
        setattr(data, name, value)
    data.HighBit = data.BitsStored - 1
    data.PixelData = values.tobytes()
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()


VALUES = np.arange(-2000, 2000, 40, dtype=np.int16).reshape(10, 10)
HOUNSFIELD = VALUES * 2.0 - 24
CASES: list[tuple[np.ndarray, dict[str, Any], np.ndarray]] = [
    (np.abs(VALUES).astype(np.uint16), {"BitsStored": 12}, np.abs(VALUES) / 4095),
    (
        np.abs(VALUES).astype(np.uint16),
        {"BitsStored": 12, "PhotometricInterpretation": "MONOCHROME1"},
        1 - np.abs(VALUES) / 4095,
    ),
    (VALUES, {}, (VALUES + 32768.0) / 65535),
    (
        VALUES,
        {"RescaleSlope": 2, "RescaleIntercept": -24, "WindowCenter": 40, "WindowWidth": 400},
        (HOUNSFIELD - 39.5) / 399 + 0.5,
    ),
    (
        VALUES,
        {"WindowCenter": [40, 1], "WindowWidth": [400, 2], "VOILUTFunction": "LINEAR_EXACT"},
        (VALUES - 40) / 400 + 0.5,
    ),
    (
        VALUES,
        {"WindowCenter": 40, "WindowWidth": 400, "VOILUTFunction": "SIGMOID"},
        1 / (1 + np.exp(-4 * (VALUES - 40) / 400)),
    ),
    (VALUES, {"RescaleSlope": -1, "RescaleIntercept": 0}, 1 - (VALUES + 32768.0) / 65535),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_grey_dicom(tmp_path: Path, out: Path, case: int) -> None:
    values, fields, wanted = CASES[case]
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "1.dcm").write_bytes(dicom(values, **fields))
    pack(tmp_path / "scans", out)
    found = lm.data.Packed(out, channels=1)[0][..., 0]
    np.testing.assert_allclose(found, np.clip(wanted, 0, 1), atol=0.51 / 65535)


def test_colour_dicom_and_damage(tmp_path: Path, out: Path) -> None:
    image = pixels(1, 9, 12)[0]
    (tmp_path / "1.dcm").write_bytes(dicom(image))
    (tmp_path / "2.dcm").write_bytes(dicom(image)[:-50])
    report = pack(lm.data.ImageList([tmp_path / "1.dcm", tmp_path / "2.dcm"]), out, on_error="skip")
    np.testing.assert_allclose(lm.data.Packed(out)[0], image / 255, atol=1e-6)
    assert "2.dcm': it cannot be decoded as DICOM" in report.skipped[0][1]


def test_what_cannot_be_read(folder: Path, out: Path) -> None:
    (folder / "cats" / "03.jpg").write_bytes((folder / "cats" / "03.jpg").read_bytes()[:700])
    (folder / "dogs" / "04.jpg").write_bytes(b"GIF89a nothing")
    with pytest.raises(ValueError, match=r"cats/03\.jpg"):
        pack(folder, out)
    assert not out.exists()
    report = pack(folder, out, on_error="skip")
    assert report.images == 10 == len(lm.data.Packed(out))
    assert [Path(path).name for path, _ in report.skipped] == ["03.jpg", "04.jpg"]
    assert "GIF" in report.skipped[1][1]
    packed = lm.data.Packed(out)
    assert packed.labels is not None and packed.labels.tolist() == [0] * 5 + [1] * 5


def test_damage_is_found_by_name(folder: Path, out: Path) -> None:
    pack(folder, out)
    content = bytearray(out.read_bytes())
    content[4096 + 300] ^= 1
    out.write_bytes(content)
    packed = lm.data.Packed(out)
    with pytest.raises(
        ValueError, match=r"photos\.safetensors/cats/01\.jpg.*CRC-32 is [0-9a-f]{8}, wanted [0-9a-f]{8}"
    ):
        packed[0]
    assert packed[1].shape == (40, 52, 3)
    assert lm.data.Packed(out, "skip").resized(8).shape == (12, 8, 8, 3)


def test_files_that_are_none(out: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lm.data.Packed(out)
    lm.LatentMIM(**SMALL).save(out)
    for opened in (lm.data.Packed, lm.data.as_dataset):
        with pytest.raises(ValueError, match=r"is no packed file of images: its format is|it names no format"):
            opened(out)
    (tmp_path / "x.txt").write_text("text")
    with pytest.raises(NotADirectoryError):
        lm.data.as_dataset(tmp_path / "x.txt")


def test_what_is_there_is_kept(folder: Path, out: Path) -> None:
    out.write_text("precious")
    with pytest.raises(FileExistsError, match="restart=True"):
        pack(folder, out)
    assert out.read_text() == "precious"
    assert pack(folder, out, restart=True).images == 12
    out.unlink()
    out.mkdir()
    with pytest.raises(FileExistsError):
        pack(folder, out, restart=True)


def stop_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Ctrl-C behind so many images."""
    add = unfinished.Unfinished.add

    def stopping(self: unfinished.Unfinished, content: bytes) -> None:
        add(self, content)
        if self.count == count:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(unfinished.Unfinished, "add", stopping)


def test_interrupts_leave_what_the_next_call_takes_up(
    folder: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(folder, tmp_path / "whole")
    stop_after(monkeypatch, 5)
    with pytest.raises(KeyboardInterrupt, match="5 of 12 images are packed"):
        pack(folder, out)
    assert not out.exists() and len(leftovers(out)) == 2
    with pytest.raises(ValueError, match=r"begun with other images or another size.*restart=True"):
        pack(folder, out, size=8)
    with pytest.raises(ValueError, match="begun with other images"):
        pack(lm.Arrays(pixels(4)), out)
    seen: list[int] = []
    file = lm.data.packing._Source._file
    monkeypatch.setattr(lm.data.packing._Source, "_file", lambda self, i: (seen.append(i), file(self, i))[1])
    pack(folder, out)
    assert sorted(seen) == list(range(5, 12))
    assert out.read_bytes() == (tmp_path / "whole").read_bytes() and leftovers(out) == []
    stop_after(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        pack(lm.Arrays(pixels(4)), out, restart=True)
    monkeypatch.undo()
    assert pack(lm.Arrays(pixels(6)), out, restart=True).images == 6 and leftovers(out) == []


def test_unfinished_files_cut_anywhere(
    folder: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a kill or a crash left of the two files, the result is the same."""
    (folder / "cats" / "05.jpg").write_bytes(b"none")
    pack(folder, tmp_path / "whole", on_error="skip")
    whole = (tmp_path / "whole").read_bytes()
    with monkeypatch.context() as patch:
        stop_after(patch, 9)
        with pytest.raises(KeyboardInterrupt):
            pack(folder, out, on_error="skip")
    files = [out.parent / name for name in leftovers(out)]
    contents = [file.read_bytes() for file in files]
    rng = np.random.default_rng(0)
    for trial in range(60):
        for file, content in zip(files, contents, strict=True):
            left = bytearray(content[: rng.integers(0, len(content) + 1)] if rng.random() < 0.7 else content)
            if trial % 3 == 0 and left and file.name.endswith("unfinished"):
                left[-1] ^= 1  # the last image is not what was written
            file.write_bytes(left)
        # A journal whose first line is cut names no data set.
        pack(folder, out, on_error="skip", restart=files[0].read_bytes().count(b"\n") == 0)
        assert out.read_bytes() == whole, trial
        out.unlink()


KILLED = """
import os, signal, sys
import latentmim as lm
from latentmim.data import unfinished
unfinished.KEEP_BYTES = 2000
add, stop = unfinished.Unfinished.add, int(sys.argv[3])
def killed(self, content):
    if stop % 2: self._file.write(content[:100])
    if self.count == stop: os.kill(os.getpid(), signal.SIGKILL)
    if stop % 2: self._file.seek(-100, 1)
    add(self, content)
unfinished.Unfinished.add = killed
lm.data.pack(sys.argv[1], sys.argv[2], progress=False)
"""


def test_killed_processes_leave_no_wrong_file(folder: Path, out: Path, tmp_path: Path) -> None:
    pack(folder, tmp_path / "whole")
    for count in (4, 7, 11):
        process = subprocess.run([sys.executable, "-c", KILLED, folder, out, str(count)], check=False)
        assert process.returncode == -signal.SIGKILL and not out.exists()
    pack(folder, out)
    assert out.read_bytes() == (tmp_path / "whole").read_bytes()


def test_one_at_a_time(folder: Path, out: Path) -> None:
    with (
        unfinished.Unfinished(str(out), "x", restart=False),
        pytest.raises(BlockingIOError, match="another process is packing"),
    ):
        pack(folder, out)


def test_a_full_disk(folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: unfinished.Unfinished, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(unfinished.Unfinished, "add", full)
        with pytest.raises(OSError, match="No space"):
            pack(folder, out)
    assert pack(folder, out).images == 12


def test_the_command(folder: Path, out: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "cats" / "05.jpg").write_bytes(b"none")
    assert cli.main(["pack", str(folder), str(out)]) == 1
    assert cli.main(["pack", str(folder), str(out), "--skip-unreadable", "--size", "16"]) == 1
    assert "--restart starts over" in capfd.readouterr().err
    assert cli.main(["pack", str(folder), str(out), "--skip-unreadable", "--size", "16", "--restart"]) == 0
    printed = capfd.readouterr()
    assert f"{out}: 11 images, 0.0 MB" in printed.out and f"skipped {folder}/cats/05.jpg: cannot read" in printed.err
    assert lm.data.Packed(out)[0].shape == (16, 21, 3)
    run = ["pretrain", str(out), "--out", str(tmp_path / "run"), "--epochs", "1", "--batch-size", "4"]
    settings = ["grid=4", "patch_size=4", "num_visible=4", "width=24", "depth=1", "heads=2", "decoder_depth=1",
                "decoder_width=16", "decoder_heads=2", "projector_width=16"]  # fmt: skip
    assert cli.main([*run, *(part for setting in settings for part in ("--set", setting))]) == 0
    assert cli.main(["evaluate", str(tmp_path / "run"), str(out)]) == 0


def test_kinds_are_told_by_content() -> None:
    assert foreign.kind_of(b"\xff\xd8\xff") is None and foreign.kind_of(b"") is None
    assert foreign.kind_of(b"\0\0\0\x20ftypheic....") == "HEIF"
