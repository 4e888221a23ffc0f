"""DAVIS' folders: both years' layouts, masks from anywhere, what is missing, the command line."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scores_reference import blobs

import latentmim as lm
from latentmim import cli

FRAMES = 5


def masks(seed: int, objects: int) -> np.ndarray:
    """[T, 40, 48], the same blobs moving."""
    labels = blobs(np.random.default_rng(seed), 40, 48, objects)
    labels[0, :objects] = np.arange(1, objects + 1)
    return np.stack([np.roll(labels, frame, 1) for frame in range(FRAMES)])


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Three sequences as DAVIS 2017 has them, two in its val.txt: one one object in one, two in the other; and void."""
    root = tmp_path / "DAVIS"
    for name, objects in (("bear", 1), ("judo", 2), ("train", 1)):
        labels = masks(objects, objects)
        labels[:, 30:32, 40:44] = 255
        for frame in range(FRAMES):
            for kind in ("Annotations", "JPEGImages"):
                (root / kind / "480p" / name).mkdir(parents=True, exist_ok=True)
            lm.data.write_labels(root / f"Annotations/480p/{name}/{frame:05}.png", labels[frame])
            picture = (labels[frame] * 40 % 256).astype(np.uint8)
            Image.fromarray(np.stack([picture] * 3, 2)).save(root / f"JPEGImages/480p/{name}/{frame:05}.jpg")
    (root / "ImageSets/2017").mkdir(parents=True)
    (root / "ImageSets/2017/val.txt").write_text("bear\njudo\n")
    return root


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    """One sequence as DAVIS 2016 has it: grey, 0 and 255, no list of names."""
    root = tmp_path / "DAVIS2016"
    (root / "Annotations/480p/camel").mkdir(parents=True)
    for frame, mask in enumerate(masks(3, 1)):
        Image.fromarray((mask * 255).astype(np.uint8)).save(root / f"Annotations/480p/camel/{frame:05}.png")
    return root


def predict(videos: Path, out: Path, shift: int = 0) -> Path:
    """The truth's masks, moved; none for the first and the last frame."""
    for path in sorted(videos.glob("Annotations/480p/*/*.png")):
        if path.stem in ("00000", f"{FRAMES - 1:05}"):
            continue
        (out / path.parent.name).mkdir(parents=True, exist_ok=True)
        lm.data.write_labels(out / path.parent.name / path.name, np.roll(lm.data.read_labels(path), shift, 1))
    return out


def test_the_truth_is_right(videos: Path, grey: Path, tmp_path: Path) -> None:
    scores = lm.evaluate.davis_scores(videos / "Annotations/480p", videos, progress=False)
    assert (float(scores), scores.region_similarity.mean, scores.boundary_accuracy.recall) == (1, 1, 1)
    assert [(one.sequence, one.object, len(one.similarities)) for one in scores.objects] == [
        ("bear", 1, FRAMES - 2), ("judo", 1, FRAMES - 2), ("judo", 2, FRAMES - 2),
    ]  # fmt: skip
    assert float(lm.evaluate.davis_scores(predict(videos, tmp_path / "out"), videos, progress=False)) == 1
    assert float(lm.evaluate.davis_scores(grey / "Annotations/480p", grey, progress=False)) == 1


def test_moved_masks_are_as_in_memory(videos: Path, grey: Path, tmp_path: Path) -> None:
    out = predict(videos, tmp_path / "out", 3)
    scores = lm.evaluate.davis_scores(out, videos, sequences=["judo"], void="ignore", progress=False)
    truth = np.stack([lm.data.read_labels(path) for path in sorted(videos.glob("Annotations/480p/judo/*"))])
    expected = lm.evaluate.video_scores(np.roll(truth, 3, 2), truth, name="judo", void="ignore")
    assert scores.to_dict() == expected.to_dict()
    assert 0 < float(scores) < 1
    # A mask of 2016 from elsewhere: 0 and 1, or 0 and 255.
    camel = predict(grey, tmp_path / "grey", 3)
    first = float(lm.evaluate.davis_scores(camel, grey, progress=False))
    for path in camel.glob("camel/*"):
        lm.data.write_labels(path, lm.data.read_labels(path) > 0)
    assert float(lm.evaluate.davis_scores(camel, grey, progress=False)) == first < 1


def test_which_sequences(videos: Path, tmp_path: Path) -> None:
    results = videos / "Annotations/480p"
    names = lambda **options: list(  # noqa: E731
        lm.evaluate.davis_scores(results, videos, progress=False, **options).sequences
    )
    assert names() == ["bear", "judo"]
    assert names(sequences=["train"]) == ["train"]
    (tmp_path / "mine.txt").write_text("train\n\njudo\n")
    assert names(sequences=tmp_path / "mine.txt") == ["train", "judo"]
    with pytest.raises(ValueError, match="holds no 'juda'; did you mean 'judo'"):
        names(sequences=["juda"])
    with pytest.raises(FileNotFoundError, match="1080p: there is no such folder"):
        names(resolution="1080p")
    (videos / "ImageSets/2017/val.txt").unlink()
    assert names() == ["bear", "judo", "train"]


def test_what_is_missing_is_named(videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is read; the command line ends with 1."""
    out = predict(videos, tmp_path / "out")
    (out / "judo/00002.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"out/judo/00002\.png: there is no such mask"):
        lm.evaluate.davis_scores(out, videos, progress=False)
    assert cli.main(["evaluate", str(out), str(videos), "--protocol", "davis", "--predicted"]) == 1
    assert "out/judo/00002.png: there is no such mask" in capsys.readouterr().err
    with pytest.raises(FileNotFoundError, match=r"bear/00001\.png"):
        lm.evaluate.davis_scores(tmp_path / "nowhere", videos, progress=False)
    with pytest.raises(FileNotFoundError, match="Annotations"):
        lm.evaluate.davis_scores(out, tmp_path / "nowhere", progress=False)
    with pytest.raises(FileNotFoundError, match=r"bear/00000\.png"):
        lm.evaluate.davis_scores(out, videos, all_frames=True, progress=False)
    lm.data.write_labels(out / "judo/00002.png", np.zeros((4, 5), int))
    with pytest.raises(ValueError, match=r"judo/00002\.png: the mask is 4×5, wanted 40×48 as the truth"):
        lm.evaluate.davis_scores(out, videos, progress=False)
    (out / "judo/00002.png").write_bytes(b"\x89PNG")
    with pytest.raises(ValueError, match=r"judo/00002\.png"):
        lm.evaluate.davis_scores(out, videos, progress=False)


def test_nothing_old_is_shown(videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other masks in the same folder give other numbers."""
    out = predict(videos, tmp_path / "out")
    command = ["evaluate", str(out), str(videos), "--protocol", "davis", "--predicted", "--json", str(tmp_path / "j")]
    assert cli.main(command) == 0
    assert "| all 2 sequences | all 3 | 6 | 100.0 % |" in capsys.readouterr().out
    predict(videos, out, 5)
    assert cli.main(command) == 0
    assert "100.0 %" not in capsys.readouterr().out.splitlines()[2]
    assert json.loads((tmp_path / "j").read_text())["objects"][0]["sequence"] == "bear"


def still(encoder: lm.Encoder, frames: list[str], first: str, preset: str, **options: Any) -> Iterator[np.ndarray]:
    """A tracker that repeats the first mask."""
    for index, _ in enumerate(frames):
        if index == options.get("breaks"):
            raise ValueError("frame 3 is damaged")
        yield lm.data.read_labels(first).astype(np.uint8)


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["latentmim.evaluate.davis"], "track_each", still)


@pytest.mark.usefixtures("tracker")
def test_what_is_tracked_is_written_and_scored(videos: Path, model: lm.LatentMIM, tmp_path: Path) -> None:
    out = tmp_path / "out"
    scores = lm.evaluate.davis(model, videos, out=out, progress=False)
    assert list(scores.sequences) == ["bear", "judo"]
    assert 0 < float(scores) < 1
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.png")) == [
        f"{name}/{frame:05}.png" for name in ("bear", "judo") for frame in range(FRAMES)
    ]
    assert lm.evaluate.davis_scores(out, videos, progress=False).to_dict() == scores.to_dict()
    with pytest.raises(ValueError, match="frame 3 is damaged"):
        lm.evaluate.davis(model, videos, out=tmp_path / "part", breaks=3, progress=False)
    assert len(list((tmp_path / "part/bear").iterdir())) == 3, "what was done is there"


def test_the_tracker_itself(videos: Path, model: lm.LatentMIM, tmp_path: Path) -> None:
    """The same masks as `track`, of what the first mask's void leaves."""
    scores = lm.evaluate.davis(model, videos, out=tmp_path, sequences=["judo"], progress=False, size=(40, 48))
    assert [one.object for one in scores.objects] == [1, 2]
    first = videos / "Annotations/480p/judo/00000.png"
    tracks = lm.track(model.encoder, videos / "JPEGImages/480p/judo", first, size=(40, 48), progress=False)
    for frame in range(FRAMES):
        assert np.array_equal(lm.data.read_labels(tmp_path / f"judo/{frame:05}.png"), tracks.labels[frame])


@pytest.mark.usefixtures("tracker")
def test_frames_and_masks_go_together(videos: Path, model: lm.LatentMIM) -> None:
    (videos / "JPEGImages/480p/judo/00003.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"judo/00003\.\*: there is no such frame, and it has a mask"):
        lm.evaluate.davis(model, videos, progress=False)


def test_the_object_of_2016_is_1(grey: Path, model: lm.LatentMIM, tmp_path: Path) -> None:
    (grey / "JPEGImages/480p/camel").mkdir(parents=True)
    for frame in range(FRAMES):
        Image.fromarray(np.zeros((40, 48, 3), np.uint8)).save(grey / f"JPEGImages/480p/camel/{frame:05}.jpg")
    lm.evaluate.davis(model, grey, out=tmp_path / "out", progress=False, size=(40, 48))
    assert np.unique(lm.data.read_labels(tmp_path / "out/camel/00002.png")).tolist() == [0, 1]


@pytest.mark.usefixtures("tracker")
def test_command_line(videos: Path, model: lm.LatentMIM, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = tmp_path / "encoder.safetensors"
    model.encoder.save(weights)
    command = ["evaluate", str(weights), str(videos), "--protocol", "davis", "--out", str(tmp_path / "out")]
    assert cli.main([*command, "--preset", "videowalk", "--sequences", "train"]) == 0
    assert capsys.readouterr().out.splitlines()[2].startswith("| all 1 sequences | all 1 | 3 | ")
    assert (tmp_path / "out/train/00004.png").exists()
    assert cli.main([*command, "--set", "breaks=3"]) == 1
    assert "frame 3 is damaged" in capsys.readouterr().err
    assert cli.main([*command, "--pooling", "mean"]) == 1
    assert "--pooling: is no option of --protocol davis" in capsys.readouterr().err
    assert cli.main(["evaluate", str(weights), str(videos), "--predicted"]) == 1
    assert "--predicted: is no option of --protocol nn, only of davis" in capsys.readouterr().err
