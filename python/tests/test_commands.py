"""The command line: options of encoders wherever one is read, and what is said of options nobody knows."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels
from PIL import Image

import latentmim as lm
from latentmim import cli
from latentmim.names import nearest


@pytest.fixture
def weights(model: lm.LatentMIM, tmp_path: Path) -> str:
    path = tmp_path / "encoder.safetensors"
    model.encoder.save(path)
    return str(path)


@pytest.fixture
def bare(tmp_path: Path) -> str:
    """The same weights without a configuration, which could tell how many heads there are."""
    from safetensors.numpy import load_file, save_file

    path = tmp_path / "bare.safetensors"
    lm.LatentMIM(**SMALL | {"grid": 4}).save(path)
    save_file(load_file(path), path)
    return str(path)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda data: lm.LatentMIM(num_heads=3), "LatentMIM: unknown option 'num_heads'; did you mean 'heads'"),
        (lambda data: lm.LatentMIM.load("x", patchsize=4), r"LatentMIM\.load: .*did you mean 'patch_size'"),
        (lambda data: lm.Trainer(lm.LatentMIM(**SMALL), data, epochs=1, batch_size=4, learning_rate=1.0),
         "Trainer: .*did you mean 'base_learning_rate'"),
        (lambda data: lm.pretrain(data, "nowhere", bacth_size=4), "pretrain: .*did you mean 'batch_size'"),
        (lambda data: lm.load_encoder("x", familly="timm"), "load_encoder: .*did you mean 'family'"),
        (lambda data: lm.evaluate.knn(lm.LatentMIM(**SMALL).encoder, data, data, neighbours=5),
         "knn: unknown option 'neighbours'; known are k, "),
        (lambda data: lm.evaluate.linear_probe(lm.LatentMIM(**SMALL).encoder, data, data, pool="cls"),
         "linear_probe: .*did you mean 'pooling'"),
        (lambda data: lm.evaluate.fine_tune(lm.LatentMIM(**SMALL).encoder, data, data, lr=1, foo=2),
         "fine_tune: unknown options 'lr', 'foo'"),
        (lambda data: lm.plot.neighbors(lm.LatentMIM(**SMALL).encoder, data, layers=5), "neighbors: .*'layer'"),
    ],
)  # fmt: skip
def test_unknown_options_name_what_was_meant(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}") as found:
        call(lm.Arrays(pixels(8), np.arange(8) % 2))
    assert len(str(found.value)) < 300


def test_nearest() -> None:
    assert nearest(["depht"], ["depth", "width"]) == "; did you mean 'depth'?"
    assert nearest(["nonsense"], ["depth", "width"]) == "; known are depth, width"
    assert nearest(["nonsense"], map(str, range(100))) == ""
    assert nearest(["nonsense"], []) == ""


def test_unknown_options_of_commands(weights: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["evaluate", weights, str(folder), "--neighbours", "5"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("latentmim evaluate: unknown --neighbours")
    with pytest.raises(SystemExit):
        cli.main(["pretrain", str(folder), "--out", "x", "--batchsize=5"])
    assert "unknown --batchsize; did you mean '--batch-size'" in capsys.readouterr().err
    assert cli.main(["evaluate", weights, str(folder), "--set", "nonsense=1"]) == 1
    assert "--protocol nn: unknown option 'nonsense'; known are size, " in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:embed")
def test_bad_files_among_many(weights: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command names the file and the option that goes on without it."""
    (folder / "cats" / "03.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (folder / "dogs" / "gone.jpg").symlink_to("nowhere")
    small = [part for name, value in SMALL.items() for part in ("--set", f"{name}={json.dumps(value)}")]
    for command in (
        ["pretrain", str(folder), "--out", str(tmp_path / "run"), "--epochs", "1", "--batch-size", "12", *small],
        ["evaluate", weights, str(folder)],
        ["evaluate", weights, str(folder), "--protocol", "without_labels"],
        ["features", weights, str(folder), "--out", str(tmp_path / "f.npz")],
        ["pack", str(folder), str(tmp_path / "packed.safetensors")],
    ):
        assert cli.main(command) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        assert re.search(r"(03|gone)\.jpg'.*; --skip-unreadable goes on without such files$", said), said
        assert cli.main([*command, "--skip-unreadable"]) == 0, capsys.readouterr().err
    assert cli.main(["evaluate", weights, str(folder / "cats" / "03.jpg")]) == 1
    assert "--skip-unreadable" not in capsys.readouterr().err


def test_warnings_name_no_line_of_python(weights: str, folder: Path) -> None:
    (folder / "cats" / "Thumbs.db").write_text("not ours")
    command = [sys.executable, "-m", "latentmim", "evaluate", weights, str(folder)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert re.search(r"^latentmim evaluate: .* are left out: 1 \.db$", said, re.M), said
    assert ".py:" not in said


def test_encoders_are_read_as_options_say(bare: str, folder: Path, tmp_path: Path, recwarn: Any) -> None:
    options = ["--heads", "3", "--mean", "0.5", "0.5", "0.5", "--std", "0.2", "0.2", "0.2"]
    written = str(tmp_path / "found.json")
    photo = str(next(folder.rglob("*.jpg")))
    assert cli.main(["inspect", bare, *options]) == 0
    assert cli.main(["evaluate", bare, str(folder), "--size", "32", "--json", written, *options]) == 0
    assert json.loads(Path(written).read_text())["test"] == 12
    out = ["--out", str(tmp_path)]
    assert cli.main(["segment", bare, photo, "--size", "48", "--precision", "float32", *out, *options]) == 0
    assert cli.main(["segment", bare, photo, "--size", "1", "2", "3", *out, *options]) == 1


def test_prefix_and_family_go_where_weights_are_read(
    model: lm.LatentMIM, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def load(path: str, **options: Any) -> lm.Encoder:
        given.update(options)
        return model.encoder

    monkeypatch.setattr("latentmim.commands.shared.load_encoder", load)
    assert cli.main(["inspect", weights, "--prefix", "student.backbone.", "--family", "dinov2"]) == 0
    assert given == {"prefix": "student.backbone.", "family": "dinov2"}


def test_sizes_by_name(weights: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for size in (["--size", "48"], ["--set", "size=48"], ["--set", "size=[48, 48]"]):
        assert cli.main(["evaluate", weights, str(folder), *size]) == 0
    assert len(set(capsys.readouterr().out.splitlines())) == 1


def test_threads_before_and_behind_the_command(weights: str) -> None:
    before = lm.thread_count()
    try:
        for number, arguments in enumerate(
            (["--threads", "2", "inspect", weights], ["inspect", weights, "--threads", "3"]), 2
        ):
            assert cli.main(arguments) == 0
            assert lm.thread_count() == number
    finally:
        lm.set_thread_count(before)


def test_what_is_refused_is_said_in_the_commands_words(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [part for name, value in SMALL.items() for part in ("--set", f"{name}={json.dumps(value)}")]
    arguments = [
        "pretrain",
        str(folder),
        "--out",
        str(tmp_path / "run"),
        "--epochs",
        "1",
        "--batch-size",
        "6",
        *settings,
    ]
    assert cli.main([*arguments, "--precision", "float32"]) == 0
    (folder / "cats/01.jpg").rename(folder / "cats/one.jpg")
    capsys.readouterr()
    assert cli.main(arguments) == 1
    assert "wanted another --out, or --restart to set that run aside" in capsys.readouterr().err
    assert cli.main(["inspect", str(folder)]) == 1
    assert "config.json: there is no such file" in capsys.readouterr().err


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_teaches_by_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([name, "--help"])
    assert ended.value.code == 0
    assert f"examples:\n  latentmim {name} " in capsys.readouterr().out


def test_vectors_and_maps_go_where_they_are_said_to(
    model: lm.LatentMIM, weights: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["features", weights, str(folder), "--size", "32", "--pooling", "max"]) == 0
    assert capsys.readouterr().out == f"{folder.name}.npz: 12 × {model.config.width} float32\n"
    vectors = np.load(tmp_path / f"{folder.name}.npz")["vectors"]
    photos = lm.ImageFolder(folder)
    np.testing.assert_array_equal(
        vectors, lm.evaluate.features(model.encoder, photos, size=32, pooling="max", progress=False)
    )
    options = ["--maps", "--layer", "-1", "0", "--part", "tokens", "--no-norm", "--size", "32", "48", "--out", "m.npz"]
    assert cli.main(["features", weights, str(folder), *options]) == 0
    assert capsys.readouterr().out == "m.npz: 12 maps\n"
    with np.load(tmp_path / "m.npz") as maps:
        first = model.encoder.features(photos[0], layer=[-1, 0], norm=False, resize=(32, 48))
        found = maps[next(iter(maps))]
        np.testing.assert_array_equal(found.reshape(first.shape), first)
    assert cli.main(["features", weights, photos.paths[0], "--maps", "--out", "one.npy"]) == 0
    assert np.load(tmp_path / "one.npy").shape[0] == 1
    capsys.readouterr()
    assert cli.main(["features", weights, str(folder), "--norm", "--out", "x.csv"]) == 0
    assert capsys.readouterr().out == f"x.csv: 12 × {model.config.width} float32\n"
    table = lm.Embedding.load("x.csv")
    np.testing.assert_array_equal(table.vectors, lm.evaluate.features(model.encoder, photos, norm=True, progress=False))
    assert table.paths == photos.paths and table.classes == photos.classes
    assert cli.main(["features", weights, str(folder), "--pooling", "tokens", "--out", "x.csv"]) == 1
    assert "x.csv: a CSV table has one row of numbers for each image" in capsys.readouterr().err
    assert cli.main(["features", weights, str(folder), "--out", "x.xlsx"]) == 1
    assert "x.xlsx: ends in '.xlsx', wanted one of .npz, .npy, .csv, .parquet" in capsys.readouterr().err
    assert cli.main(["features", weights, photos.paths[0], "--out", "one.parquet"]) == 0
    assert lm.Embedding.load("one.parquet").paths == photos.paths[:1]
    capsys.readouterr()
    assert cli.main(["features", weights, str(folder), "--maps", "--restart"]) == 1
    assert "wanted without --maps" in capsys.readouterr().err
    assert cli.main(["features", weights, str(folder), "--maps", "--pooling", "max"]) == 1
    assert "wanted one of the two" in capsys.readouterr().err


def test_tracking_leaves_a_mask_for_each_frame(
    model: lm.LatentMIM, weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    clip, mask = pixels(4, 40, 52), np.zeros((40, 52), np.int32)
    mask[8:24, 10:30] = 7
    (tmp_path / "clip").mkdir()
    for index, frame in enumerate(clip):
        Image.fromarray(frame).save(tmp_path / "clip" / f"shot{index}.png")
    lm.data.write_labels(tmp_path / "first.png", mask)
    options = ["--set", "side=64", "--set", "k=3", "--strip", "strip.png", "--video", "clip.gif"]
    assert cli.main(["track", weights, "clip", "first.png", *options]) == 0
    assert capsys.readouterr().out.split() == ["clip-masks", "strip.png", "clip.gif"]
    tracks = lm.track(model.encoder, clip, mask, side=64, k=3, progress=False)
    for index in range(4):
        found = lm.data.read_labels(tmp_path / "clip-masks" / f"shot{index}.png")
        np.testing.assert_array_equal(found, tracks.labels[index])
    with Image.open("clip.gif") as moving, Image.open("strip.png") as strip:
        assert moving.n_frames == 4 and strip.width > 300

    assert cli.main(["track", weights, "clip", "first.png", "--frames", "2", *options, "--out", "two"]) == 0
    assert len(list((tmp_path / "two").iterdir())) == 2
    with Image.open("clip.gif") as moving:
        assert moving.n_frames == 2
    (tmp_path / "clip" / "shot2.png").write_bytes(b"\x89PNG\r\n\x1a\ncut")
    assert cli.main(["track", weights, "clip", "first.png", "--set", "side=64", "--out", "some"]) == 1
    assert "shot2.png" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "some").iterdir()) == ["shot0.png", "shot1.png"]
    lm.data.write_labels(tmp_path / "empty.png", 0 * mask)
    assert cli.main(["track", weights, "clip", "empty.png", "--out", "none"]) == 1
    assert not (tmp_path / "none").exists()
    assert cli.main(["track", weights, "clip", "first.png", "--set", "window_size=3"]) == 1
    assert "unknown option 'window_size'; did you mean" in capsys.readouterr().err


def test_exploring_writes_a_notebook(
    weights: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["explore", weights, str(folder), "--no-launch", "--first", "2", "--out", "look.ipynb"]) == 0
    (cell,) = json.loads(Path("look.ipynb").read_text())["cells"]
    names: dict[str, Any] = {}
    *lines, last = "".join(cell["source"]).splitlines()
    exec("\n".join(lines), names)
    assert repr(eval(last, names)).startswith("Explorer(2 images")
    capsys.readouterr()
    assert cli.main(["explore", weights, str(folder), "--no-launch", "--out", "look.ipynb"]) == 1
    assert "File exists: 'look.ipynb'" in capsys.readouterr().err
    assert cli.main(["explore", weights, "none.png", "--no-launch"]) == 1
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cli.main(["explore", weights, str(folder), "--no-launch"]) == 1
    assert "pip install 'latentmim[explore]'" in capsys.readouterr().err


def test_segments_are_drawn_and_written(
    model: lm.LatentMIM, weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    photos = pixels(2, 40, 52)
    for name, photo in zip("ab", photos, strict=True):
        Image.fromarray(photo).save(f"{name}.png")
    assert cli.main(["segment", weights, "a.png", "b.png", "--joint", "--segments", "3", "--out", "x/y"]) == 0
    written = [f"x/y/{name}-{what}.png" for name in "ab" for what in ("segments", "labels")]
    assert capsys.readouterr().out.split() == written
    for name, found in zip("ab", lm.segment(model.encoder, list(photos), 3), strict=True):
        np.testing.assert_array_equal(lm.data.read_labels(f"x/y/{name}-labels.png"), found.labels)
    assert cli.main(["segment", weights, "a.png", "--depths", "2", "4", "--refine", "--layer", "1"]) == 0
    found = lm.segment(model.encoder, photos[0], 6, refine=True, layer=1)
    np.testing.assert_array_equal(lm.data.read_labels("a-labels.png"), found.labels)
    with Image.open("a-segments.png") as picture:
        assert picture.width > 900
    assert cli.main(["segment", weights, "a.png", "x/../a.png"]) == 1
    assert "two images are called a: what is written of one would replace the other" in capsys.readouterr().err
