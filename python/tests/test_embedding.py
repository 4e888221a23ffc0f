"""Tables of features: what is in them, in every format; what is there after a kill, and how it goes on."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels
from PIL import Image

import latentmim as lm
from latentmim.embedding import computing, parts

ENDINGS = ("npz", "npy", "csv", "parquet")


def features(encoder: lm.Encoder, images: Any, **options: Any) -> np.ndarray:
    return lm.evaluate.features(encoder, images, progress=False, **options)


def equal(found: np.ndarray, wanted: np.ndarray) -> bool:
    """Bit by bit where our own products run; OpenBLAS's depend on what is computed together."""
    if lm.runtime.instruction_set() != "portable":
        return np.array_equal(found, wanted)
    return found.shape == wanted.shape and np.allclose(found, wanted, atol=1e-4)


def embed(*arguments: Any, **options: Any) -> lm.Embedding:
    return lm.embed(*arguments, progress=False, **options)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("block", [1, 1000])
def test_what_is_written_is_read(
    model: lm.LatentMIM, tmp_path: Path, ending: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From one block of rows, and from blocks of 7."""
    encoder, out = model.encoder, tmp_path / f"table.{ending}"
    monkeypatch.setattr(computing, "STEPS", (7, 7))
    monkeypatch.setattr(parts, "KEEP_BYTES", block * 7 * 48 * 4)
    data = lm.Arrays(pixels(70), np.arange(70) % 3, classes=["a", "b, c", "ü"])
    found = embed(encoder, data, out)
    assert os.listdir(tmp_path) == [out.name]
    assert (len(found), found.shape, found.file) == (70, (70, 48), str(out))
    wanted = features(encoder, data)
    for table in (found, lm.Embedding.load(out)):
        assert equal(table.vectors, wanted) and table.vectors.dtype == np.float32
        assert table.tokens is None and table.paths == []
        if table is found or ending != "npy":
            assert np.array_equal(table.labels, data.labels) and table.classes == data.classes
    if ending == "csv":
        return
    several = embed(encoder, data, out, pooling="tokens", layer=[0, 2], norm=True)
    assert several.vectors is None and several.shape == (70, 2, 21, 48)
    assert equal(several.tokens, features(encoder, data, pooling="tokens", layer=[0, 2], norm=True))
    with pytest.raises(TypeError, match="encoder"):
        embed(model, data, out)


def test_whatever_holds_images(model: lm.LatentMIM, folder: Path, tmp_path: Path) -> None:
    encoder, data = model.encoder, lm.ImageFolder(folder)
    wanted = features(encoder, data)
    for source in (folder, str(folder), data, data.paths, [Path(path) for path in data.paths], np.array(data.paths)):
        for out in (None, tmp_path / "x.parquet"):
            found = embed(encoder, source, out)
            assert equal(found.vectors, wanted) and found.paths == data.paths
        assert (found.labels is None) == isinstance(source, list | np.ndarray)
    assert equal(embed(encoder, data[3:7]).vectors, wanted[3:7])
    assert embed(encoder, data[3:7]).paths == data.paths[3:7]
    assert equal(embed(encoder, data.paths[5]).vectors, wanted[5:6])
    lm.data.pack(folder, tmp_path / "photos.packed", progress=False)
    assert equal(embed(encoder, tmp_path / "photos.packed").vectors, wanted)
    sizes = [(40, 52), (48, 48), (61, 33)]
    images = [pixels(1, *size, seed=number)[0] for number, size in enumerate(sizes)]
    each = np.concatenate([features(encoder, image[np.newaxis]) for image in images])
    objects = np.empty(3, object)
    objects[:] = images
    for several in (images, tuple(images), objects):
        assert equal(embed(encoder, several).vectors, each)
    assert equal(embed(encoder, images, tmp_path / "x.npz").vectors, each)
    assert equal(embed(encoder, [images[0]] * 2).vectors, each[[0, 0]])


def test_csv_is_a_list_of_images(model: lm.LatentMIM, folder: Path, tmp_path: Path) -> None:
    data = lm.ImageFolder(folder)
    embed(model.encoder, folder, tmp_path / "x.csv")
    read = lm.data.from_csv(tmp_path / "x.csv")
    assert (read.paths, read.classes) == (data.paths, data.classes)
    assert np.array_equal(read.labels, data.labels)
    with open(tmp_path / "x.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:4] == ["path", "label", "features0", "features1"] and rows[0]["label"] == "cats"
    numbers = np.array([[float(row[f"features{number}"]) for number in range(48)] for row in rows], np.float32)
    assert equal(numbers, features(model.encoder, data))


def test_parquet_for_others(model: lm.LatentMIM, folder: Path, tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    embed(model.encoder, folder, tmp_path / "x.parquet")
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table.schema.names == ["path", "label", "vector"]
    assert table.schema.field("vector").type == pyarrow.list_(pyarrow.float32(), 48)
    assert table["label"].to_pylist() == ["cats"] * 6 + ["dogs"] * 6
    wanted = features(model.encoder, folder)
    assert equal(np.array(table["vector"].to_pylist(), np.float32), wanted)
    embed(model.encoder, lm.Arrays(pixels(3), [7, 0, 2]), tmp_path / "x.parquet")
    assert lm.Embedding.load(tmp_path / "x.parquet").labels.tolist() == [7, 0, 2]
    assert parquet.read_table(tmp_path / "x.parquet")["label"].to_pylist() == [7, 0, 2]


def test_bytes_that_are_no_utf_8(model: lm.LatentMIM, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path / "caf") + b"\xe9, 1.png")
    Image.fromarray(pixels(1, 40, 40)[0]).save(tmp_path / "x.png")
    os.rename(tmp_path / "x.png", path)
    for ending in ("npz", "csv", "parquet"):
        embed(model.encoder, [path], tmp_path / f"x.{ending}")
        shown = path if ending != "parquet" else path.replace("\udce9", "\\udce9")
        assert lm.Embedding.load(tmp_path / f"x.{ending}").paths == [shown]


def test_unreadable_images_have_rows_of_nan(model: lm.LatentMIM, folder: Path, tmp_path: Path) -> None:
    (folder / "cats" / "03.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    data = lm.ImageFolder(folder, on_error="skip")
    place = data.paths.index(str(folder / "cats" / "03.jpg"))
    for out in (None, *(tmp_path / f"x.{ending}" for ending in ENDINGS)):
        with pytest.warns(UserWarning, match=r"embed: 1 of 12 images cannot be read, .* NaN: .*03\.jpg$") as warned:
            found = embed(model.encoder, data, out)
        assert warned[0].filename == __file__
        assert np.isnan(found.vectors).all(1).tolist() == [number == place for number in range(12)]


def test_going_on_without_what_cannot_be_read(
    model: lm.LatentMIM, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computing, "STEPS", (4, 4))
    out, damaged = tmp_path / "x.parquet", folder / "dogs" / "06.jpg"
    damaged.write_bytes(b"\xff\xd8\xff\xe0 no picture")
    with pytest.raises(ValueError, match=r"06\.jpg"):
        embed(model.encoder, folder, out)
    assert len(lm.Embedding.load(f"{out}.parts")) == 8
    with pytest.warns(UserWarning, match="1 of 12"):
        found = embed(model.encoder, lm.ImageFolder(folder, on_error="skip"), out)
    wanted = lm.ImageFolder(folder, on_error="skip")
    place = wanted.paths.index(str(damaged))
    kept = [number for number in range(12) if number != place]
    assert equal(found.vectors[kept], features(model.encoder, wanted, indices=kept))


class Stopped(Exception):
    """What a test lets happen while rows are computed."""


def stop_at(monkeypatch: pytest.MonkeyPatch, most: int, error: BaseException) -> list[int]:
    """Let the computation of the image with this number fail; what was computed is noted."""
    found: list[int] = []
    compute = computing.Source.compute

    def failing(self: Any, *arguments: Any) -> Any:
        fill = compute(self, *arguments)

        def filled(numbers: np.ndarray, rows: np.ndarray) -> None:
            if most in numbers:
                raise error
            fill(numbers, rows)
            found.extend(numbers.tolist())

        return filled

    monkeypatch.setattr(computing.Source, "compute", failing)
    return found


@pytest.mark.parametrize("error", [Stopped(), KeyboardInterrupt(), OSError("disk")])
@pytest.mark.parametrize("seconds", [0.0, 15.0])
@pytest.mark.parametrize("pooling", ["mean", "tokens"])
def test_it_goes_on_where_it_stopped(
    model: lm.LatentMIM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, seconds: float,
    pooling: str,
) -> None:  # fmt: skip
    encoder, out = model.encoder, tmp_path / "x.npz"
    data = lm.Arrays(pixels(100), np.arange(100) % 3)
    wanted = features(encoder, data, pooling=pooling)
    monkeypatch.setattr(computing, "STEPS", (32, 32))
    monkeypatch.setattr(parts, "KEEP_SECONDS", seconds)
    with monkeypatch.context() as changed:
        stop_at(changed, 70, error)
        with pytest.raises(type(error)) as raised:
            embed(encoder, data, out, pooling=pooling)
    if isinstance(error, KeyboardInterrupt):
        assert (
            str(raised.value) == f"stopped; 64 of 100 images are in {out}.parts, and the same call goes on from there"
        )
    names = sorted(os.listdir(f"{out}.parts"))
    assert names == (["000000000.npz", "000000032.npz"] if not seconds else ["000000000.npz"]) + ["about.json"]
    assert not out.exists()
    there = lm.Embedding.load(f"{out}.parts")
    assert equal(there.vectors if pooling == "mean" else there.tokens, wanted[:64])
    assert np.array_equal(there.labels, data.labels[:64])
    with monkeypatch.context() as changed:
        computed = stop_at(changed, -1, error)
        found = embed(encoder, data, out, pooling=pooling)
    assert computed == list(range(64, 100))
    assert equal(found.vectors if pooling == "mean" else found.tokens, wanted)
    assert os.listdir(tmp_path) == ["x.npz"]


def test_what_is_not_the_same_is_refused(
    model: lm.LatentMIM, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, out = model.encoder, tmp_path / "x.parquet"
    monkeypatch.setattr(computing, "STEPS", (4, 4))
    with monkeypatch.context() as changed:
        stop_at(changed, 8, Stopped())
        with pytest.raises(Stopped):
            embed(encoder, folder, out, pooling="max")
    other = lm.LatentMIM(**SMALL, seed=2).encoder
    cases: list[tuple[lm.Encoder, Any, dict[str, Any], str]] = [
        (other, folder, {"pooling": "max"}, r"encoder: was 'Encoder\(.*\) \w{16}', is 'Encoder\(.*\) \w{16}'\)"),
        (encoder, folder, {}, r"\(pooling: was 'max', is None\)"),
        (encoder, folder, {"pooling": "cls", "layer": 1}, r"pooling: was 'max', is 'cls'; layer: was None, is \[1\]\)"),
        (encoder, lm.ImageFolder(folder)[:11], {"pooling": "max"}, r"images \(images\): was 12, is 11"),
    ]
    for with_encoder, data, options, message in cases:
        with pytest.raises(ValueError, match=f"x.parquet: was begun with other things and never finished .*{message}"):
            embed(with_encoder, data, out, **options)
        assert len(lm.Embedding.load(f"{out}.parts")) == 8
    (folder / "cats" / "01.jpg").rename(folder / "cats" / "011.jpg")
    with pytest.raises(ValueError, match=r"images \(names\): was '\w{16}', is '\w{16}'"):
        embed(encoder, folder, out, pooling="max")
    (folder / "cats" / "011.jpg").rename(folder / "cats" / "01.jpg")
    lm.LatentMIM(**SMALL, seed=1).encoder.save(tmp_path / "same.safetensors")
    with monkeypatch.context() as changed:
        computed = stop_at(changed, -1, Stopped())
        embed(lm.load_encoder(tmp_path / "same.safetensors"), lm.ImageFolder(folder), out, pooling="max")
    assert computed == [8, 9, 10, 11]


def test_restart_and_damage(model: lm.LatentMIM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, out, images = model.encoder, tmp_path / "x.npz", pixels(20)
    monkeypatch.setattr(computing, "STEPS", (4, 4))
    monkeypatch.setattr(parts, "KEEP_SECONDS", 0.0)

    def stopped(**options: Any) -> list[int]:
        with monkeypatch.context() as changed:
            found = stop_at(changed, 16, Stopped())
            with pytest.raises(Stopped):
                embed(encoder, images, out, **options)
        return found

    folder = Path(f"{out}.parts")
    assert len(stopped()) == 16
    assert len(stopped(restart=True, pooling="max")) == 16
    assert stopped(pooling="max") == []
    part = folder / "000000008.npz"
    content = part.read_bytes()
    for damaged in (content[:100], b"", content.replace(content[200:210], bytes(10)), b"PK\x03\x04" + bytes(50)):
        part.write_bytes(damaged)
        assert len(lm.Embedding.load(folder)) == 8
    (folder / "000000012.npz.abcd").write_bytes(b"never finished")
    assert stopped(pooling="max") == list(range(8, 16))
    (folder / "about.json").write_text("{")
    with pytest.raises(ValueError, match=r"about\.json: is damaged, .*restart=True starts over"):
        embed(encoder, images, out)
    (folder / "about.json").unlink()
    with pytest.raises(ValueError, match=r"has no about\.json beside its parts: restart=True starts over"):
        embed(encoder, images, out)
    (folder / "note.txt").write_text("mine")
    assert equal(embed(encoder, images, out, restart=True).vectors, features(encoder, images))
    assert os.listdir(folder) == ["note.txt"], "what is not ours stays"
    with pytest.raises(ValueError, match="holds no parts"):
        lm.Embedding.load(folder)
    with pytest.raises(Stopped), monkeypatch.context() as changed:
        stop_at(changed, 0, Stopped())
        embed(encoder, images, tmp_path / "y.npz")
    assert sorted(os.listdir(tmp_path)) == ["x.npz", "x.npz.parts"], "nothing computed leaves nothing"


def test_what_cannot_be(model: lm.LatentMIM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, images = model.encoder, pixels(3)
    with pytest.raises(ValueError, match=r"x\.xlsx: ends in '\.xlsx', wanted one of \.npz, \.npy, \.csv, \.parquet"):
        embed(encoder, images, tmp_path / "x.xlsx")
    with pytest.raises(ValueError, match=r"x\.csv: a CSV table has one row of numbers for each image"):
        embed(encoder, images, tmp_path / "x.csv", pooling="patches")
    with pytest.raises(ValueError, match="embed: unknown option 'poolin'; did you mean 'pooling'"):
        embed(encoder, images, poolin="max")
    with pytest.raises(ValueError, match="layer: is 9"):
        embed(encoder, images, tmp_path / "x.npz", layer=9)
    with pytest.raises(FileNotFoundError):
        embed(encoder, images, tmp_path / "nowhere" / "x.npz")
    with pytest.raises(ValueError, match="images: there are none"):
        embed(encoder, [])
    with pytest.raises(ValueError, match="image 1: shape is"):
        embed(encoder, [images[0], np.zeros((2, 2, 2, 2))])
    with pytest.raises(TypeError, match="image 0: dtype is int64"):
        embed(encoder, [np.zeros((2, 2, 3), np.int64), images[0]])
    assert os.listdir(tmp_path) == []
    for name in ("x.npz", "x.npy", "x.csv", "x.parquet"):
        for content in (b"", b"nonsense, 1\n2\n"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(ValueError, match=f"{name}.*embed wrote"):
                lm.Embedding.load(tmp_path / name)
    np.savez(tmp_path / "x.npz", other=np.zeros(3))
    with pytest.raises(ValueError, match="holds other, wanted 'vectors' or 'tokens'"):
        lm.Embedding.load(tmp_path / "x.npz")
    np.save(tmp_path / "x.npy", np.zeros(3))
    (tmp_path / "x.npz").write_bytes((tmp_path / "x.npy").read_bytes())
    for name in ("x.npz", "x.npy"):
        with pytest.raises(ValueError, match=f"{name}: is no a"):
            lm.Embedding.load(tmp_path / name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(
        ImportError, match=r"y\.parquet: Parquet files need pyarrow: pip install 'latentmim\[parquet\]'"
    ):
        embed(encoder, images, tmp_path / "y.parquet")


PROGRAM = """
import sys, time
import numpy as np
import latentmim as lm
from latentmim.embedding import computing, parts

parts.KEEP_SECONDS, computing.STEPS = 0.0, (4, 4)
add = parts.Parts.add

def slow(self, rows):
    add(self, rows)
    time.sleep(0.05)

parts.Parts.add = slow
encoder, folder, out = lm.load_encoder(sys.argv[1]), sys.argv[2], sys.argv[3]
try:
    lm.embed(encoder, np.load(folder), out, progress=False)
except KeyboardInterrupt as interrupt:
    sys.exit(str(interrupt))
"""


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_killed_for_real(model: lm.LatentMIM, tmp_path: Path, by: signal.Signals) -> None:
    images, out = pixels(400), tmp_path / "x.csv"
    model.encoder.save(tmp_path / "e.safetensors")
    np.save(tmp_path / "images.npy", images)
    arguments = [sys.executable, "-c", PROGRAM, *(str(tmp_path / n) for n in ("e.safetensors", "images.npy", "x.csv"))]
    folder = Path(f"{out}.parts")
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as program:
        deadline = time.monotonic() + 60
        while len(list(folder.glob("*.npz"))) < 5:
            assert program.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(BlockingIOError, match="writes here"):
            embed(model.encoder, images, out)
        program.send_signal(by)
        _, said = program.communicate(timeout=60)
    wanted = features(model.encoder, images)
    there = lm.Embedding.load(folder)
    assert 20 <= len(there) < 400 and equal(there.vectors, wanted[: len(there)])
    if by == signal.SIGINT:
        assert said.startswith(f"stopped; {len(there)} of 400 images are in {folder}")
    assert json.loads((folder / "about.json").read_text())["images (images)"] == 400
    assert equal(embed(model.encoder, images, out).vectors, wanted)
    assert not folder.exists()


@pytest.mark.parametrize("precision", lm.runtime.precisions())
def test_any_split_gives_the_same_rows(model: lm.LatentMIM, precision: Any) -> None:
    """Of features, of what is pooled of them, and of data sets; bit by bit where our own products run."""
    images, encoder = pixels(37, 32, 40), model.encoder
    calls = [
        lambda part: encoder.features(part, precision=precision, class_token=True),
        lambda part: encoder.features(part, precision=precision, part="keys", layer=1, stride=4),
        lambda part: encoder.pool(part, precision=precision),
        lambda part: encoder.pool(part, "topk_mean", precision=precision),
        lambda part: embed(encoder, part, precision=precision, size=48, short_side=50).vectors,
        lambda part: embed(encoder, part, precision=precision, pooling="tokens").tokens,
    ]
    for call in calls:
        whole = call(images)
        for size in (1, 2, 3, 5, 16, 17, 36):
            rows = np.concatenate([call(images[first : first + size]) for first in range(0, 37, size)])
            assert equal(rows, whole)


def test_the_document_runs(model: lm.LatentMIM, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[2] / "docs" / "embedding.md").read_text()
    monkeypatch.chdir(tmp_path)
    assert folder == tmp_path / "photos"
    model.encoder.save("encoder.safetensors")
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.S):
        exec(block, names)
    assert names["tokens"].shape == (12, 21, 48)
    assert names["search"].predict(names["photos"].paths).shape == (12,)
    assert sorted(os.listdir(".")) == ["encoder.safetensors", "photos", "photos.parquet", "tokens.npz"]
