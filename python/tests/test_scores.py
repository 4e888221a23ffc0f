"""J, F, mean IoU and pixel accuracy: by hand, and against an independent NumPy and SciPy version."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import scores_reference as reference

import latentmim as lm

SIZES = [(1, 1), (1, 9), (7, 1), (2, 2), (5, 64), (13, 63), (64, 65), (37, 128), (129, 31), (70, 200)]


def test_by_hand() -> None:
    """Two squares of 2×2 in 4×5 pixels, one a column further: r = ⌈0.008 · √41⌉ = 1."""
    truth, found = np.zeros((2, 4, 5), bool)
    truth[1:3, 1:3] = True
    found[1:3, 2:4] = True
    # 2 pixels in common, 6 in either.
    assert lm.evaluate.region_similarity(found, truth) == 2 / 6
    # Boundaries: rows 0 … 2 of columns 0 … 2 without the square's own first pixel, which has only its like in the east,
    # south and south-east: 8 pixels. The other's are the same a column further: all within one pixel of each other.
    assert reference.boundary(truth).astype(int).tolist() == [
        [1, 1, 1, 0, 0],
        [1, 0, 1, 0, 0],
        [1, 1, 1, 0, 0],
        [0] * 5,
    ]
    assert lm.evaluate.boundary_accuracy(found, truth) == 1
    found = np.roll(found, 1, 1)
    # Two columns further it touches the border, whose last column looks south alone: rows 0 and 2 of columns 2 … 4 and
    # row 1 of column 2, 7 pixels, of which those in columns 2 and 3 lie within a pixel of the truth's: 5 of 7. Of the
    # truth's 8, those in columns 1 and 2 are found: 5 of 8. 2 · 5/7 · 5/8 / (5/7 + 5/8) = 50 / 75.
    assert lm.evaluate.region_similarity(found, truth) == 0
    assert lm.evaluate.boundary_accuracy(found, truth) == pytest.approx(50 / 75)


def test_empty_masks() -> None:
    nothing, full, some = np.zeros((3, 9, 9), bool)
    full[:] = True
    some[3:5, 3:5] = True
    cases = [
        (nothing, nothing, 1, 1), (nothing, some, 0, 0), (some, nothing, 0, 0), (some, some, 1, 1),
        (full, full, 1, 1), (full, nothing, 0, 1),  # a full mask has no boundary either
        (full, some, 4 / 81, 0), (some, full, 4 / 81, 0),
    ]  # fmt: skip
    for found, truth, similarity, accuracy in cases:
        assert lm.evaluate.region_similarity(found, truth) == similarity
        assert lm.evaluate.boundary_accuracy(found, truth) == accuracy
        assert reference.boundary_accuracy(found, truth) == accuracy


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_random_masks(size: tuple[int, int]) -> None:
    """Hundreds of pictures with up to three objects; equal bits, as counts are exact."""
    rng = np.random.default_rng(size)
    found = np.stack([reference.blobs(rng, *size, 3) for _ in range(40)])
    truth = np.where(rng.random(found.shape) < 0.02, 0, np.roll(found, 1, 2) if size[1] > 9 else found[::-1])
    for label in (1, 2, 3):
        here, there = found == label, truth == label
        similarities = lm.evaluate.region_similarity(here, there)
        accuracies = lm.evaluate.boundary_accuracy(here, there)
        pairs = list(zip(here, there, strict=True))
        assert similarities.tolist() == [reference.region_similarity(*pair) for pair in pairs]
        assert accuracies.tolist() == [reference.boundary_accuracy(*pair) for pair in pairs]


def test_radius_beyond_a_word() -> None:
    """A tall picture of 9000 pixels: the radius is 73, more than a word of 64 pixels."""
    rng = np.random.default_rng(5)
    found, truth = rng.random((2, 9000, 150)) < 0.0005
    assert lm.evaluate.boundary_accuracy(found, truth) == reference.boundary_accuracy(found, truth)


def video(frames: int, seed: int = 0, objects: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.stack([reference.blobs(rng, 40, 70, objects) for _ in range(frames)])
    truth[0, 0, :objects] = np.arange(1, objects + 1)
    return np.roll(truth, 2, 2), truth


@pytest.mark.parametrize("frames", [3, 4, 5, 6, 7, 11, 12, 30])
@pytest.mark.parametrize("all_frames", [False, True])
def test_statistics(frames: int, all_frames: bool) -> None:
    found, truth = video(frames)
    scores = lm.evaluate.video_scores(found, truth, all_frames=all_frames)
    counted = slice(None) if all_frames else slice(1, -1)
    means = []
    for one, label in zip(scores.objects, (1, 2, 3), strict=True):
        pairs = list(zip(found[counted] == label, truth[counted] == label, strict=True))
        assert one.object == label and one.sequence == "video"
        for values, measure, oracle in (
            (one.similarities, one.region_similarity, reference.region_similarity),
            (one.accuracies, one.boundary_accuracy, reference.boundary_accuracy),
        ):
            wanted = np.array([oracle(*pair) for pair in pairs])
            assert values.tolist() == wanted.tolist()
            assert (measure.mean, measure.recall, measure.decay) == pytest.approx(
                reference.statistics(wanted), abs=1e-12
            )
        assert one.mean == (one.region_similarity.mean + one.boundary_accuracy.mean) / 2
        means.append(one.mean)
    assert float(scores) == pytest.approx(np.mean(means))
    assert float(scores.sequences["video"]) == float(scores)


def test_more_than_256_frames() -> None:
    """The quarters of a long video, which the public tool counts in 8 bits."""
    found, truth = np.zeros((2, 600, 3, 3), np.int32)
    truth[:, 1, 1] = 1
    found[:300, 1, 1] = 1
    scores = lm.evaluate.video_scores(found, truth)
    assert (scores.region_similarity.mean, scores.region_similarity.decay) == (299 / 598, 1)


def test_objects_are_those_of_the_first_frame() -> None:
    found, truth = video(6)
    truth[truth == 2] = 7
    truth[0][truth[0] == 3] = 0
    truth[3, 5, 5] = 3
    scores = lm.evaluate.video_scores(found, truth)
    assert [one.object for one in scores.objects] == [1, 7]
    assert scores.left_out == {"video": [3]}
    assert "object 3 left out" in str(scores)
    truth[0] = 0
    with pytest.raises(ValueError, match="'clip': the truth of the first frame has no label"):
        lm.evaluate.video_scores(found, truth, name="clip")


def test_void_is_background_or_left_out() -> None:
    found, truth = video(5, objects=2)
    truth[1:, 10:20, 20:40] = 255
    for void, found_void in itertools.product(("background", "ignore"), (False, True)):
        seen = np.where(truth == 255, 255, found) if found_void else found
        scores = lm.evaluate.video_scores(seen, truth, void=void)
        for one in scores.objects:
            kept = truth[1:-1] != 255 if void == "ignore" else np.ones_like(truth[1:-1], bool)
            pairs = [
                ((a == one.object) & k, (b == one.object) & k)
                for a, b, k in zip(seen[1:-1], truth[1:-1], kept, strict=True)
            ]
            assert one.similarities.tolist() == [reference.region_similarity(*pair) for pair in pairs]
            assert one.accuracies.tolist() == [reference.boundary_accuracy(*pair) for pair in pairs]


def test_255_alone_is_the_object() -> None:
    """DAVIS 2016: grey, 0 and 255; predictions may be 0 and 1, or 0 and 255."""
    found, truth = ((part > 0).astype(np.uint8) for part in video(5))
    expected = float(lm.evaluate.video_scores(found, truth))
    assert 0 < expected < 1
    assert float(lm.evaluate.video_scores(found, truth * 255)) == expected
    assert float(lm.evaluate.video_scores(found * 255, truth * 255)) == expected
    truth[3, 0, 0] = 2
    with pytest.raises(ValueError, match="frame 3 has label 2, but the first has none but 0 and 255"):
        lm.evaluate.video_scores(found, np.where(truth == 1, 255, truth))
    with pytest.raises(ValueError, match="no label but 0 and 255"):
        lm.evaluate.video_scores(found, (found * 255), void="ignore")


def test_what_is_refused() -> None:
    found, truth = video(4)
    with pytest.raises(ValueError, match=r"video: predicted is \[3, 40, 70\], the truth \[4, 40, 70\]"):
        lm.evaluate.video_scores(found[:3], truth)
    with pytest.raises(ValueError, match="'video': has 2 frames, and without the first and the last none is left"):
        lm.evaluate.video_scores(found[:2], truth[:2])
    with pytest.raises(ValueError, match=r"predicted: shape is \[40, 70\], wanted \[T, H, W\]"):
        lm.evaluate.video_scores(found[0], truth[0])
    with pytest.raises(TypeError, match="predicted: dtype is float64"):
        lm.evaluate.video_scores(found * 0.5, truth)
    with pytest.raises(ValueError, match="holds labels 1 and 2, wanted one mask"):
        lm.evaluate.region_similarity(found, truth)
    with pytest.raises(ValueError, match="truth's"):
        lm.evaluate.boundary_accuracy(found == 1, truth[:, :3] == 1)
    with pytest.raises(ValueError, match="at least one pixel"):
        lm.evaluate.region_similarity(np.zeros((0, 3), bool), np.zeros((0, 3), bool))
    with pytest.raises(ValueError, match="davis: void is 'none', wanted one of 'background', 'ignore'"):
        lm.evaluate.video_scores(found, truth, void="none")


def test_results_do_not_depend_on_threads() -> None:
    found, truth = video(9)
    before = lm.thread_count()
    try:
        rows = []
        for count in (1, 2, 5):
            lm.set_thread_count(count)
            rows.append(str(lm.evaluate.video_scores(found, truth).to_dict()))
    finally:
        lm.set_thread_count(before)
    assert len(set(rows)) == 1


@pytest.mark.parametrize("by", ["iou", "pixels"])
@pytest.mark.parametrize(("segments", "classes"), [(1, 1), (2, 5), (5, 2), (6, 6), (40, 17), (17, 40), (1, 9), (9, 1)])
def test_matching_is_scipys(by: str, segments: int, classes: int) -> None:
    rng = np.random.default_rng([segments, classes])
    for _ in range(10):
        truth = rng.integers(0, classes, (23, 31))
        found = rng.permutation(segments)[(truth * 3 + rng.integers(0, 3, truth.shape)) % segments]
        scores = lm.evaluate.segmentation(found, truth, by=by, progress=False)
        iou, accuracy = reference.matched(found, truth, by)
        if by == "iou":
            assert scores.mean_iou == pytest.approx(iou, abs=1e-12)
        else:
            assert scores.accuracy == pytest.approx(accuracy, abs=1e-12)
        used = [one.segment for one in scores.classes[0] if one.segment is not None]
        assert len(used) == len(set(used)) == min(len(np.unique(found)), len(scores.classes[0]))


def test_segments_by_hand() -> None:
    """Three classes of 4, 3 and 1 pixels and one that is ignored; two segments of 5 and 3."""
    truth = np.array([[0, 0, 0, 0, 9, 9, 9, 4, 255]])
    found = np.array([[5, 5, 5, 2, 2, 2, 5, 5, 5]])
    scores = lm.evaluate.segmentation(found, truth, progress=False)
    # Class 0 with segment 5: 3 / (4 + 5 − 3); class 9 with segment 2: 2 / (3 + 3 − 2); class 4 gets none.
    assert [(one.label, one.segment, one.iou) for one in scores.classes[0]] == [
        (0, 5, 1 / 2),
        (4, None, 0),
        (9, 2, 1 / 2),
    ]
    assert scores.mean_iou == pytest.approx(1 / 3)
    assert scores.accuracy == 5 / 8
    everything = lm.evaluate.segmentation(found, truth, ignored=[], progress=False)
    assert everything.options["ignored"] == [] and len(everything.classes[0]) == 4
    with pytest.raises(ValueError, match="no pixel of the truth has a label that counts; ignored are 255"):
        lm.evaluate.segmentation(found, np.full_like(truth, 255), progress=False)


def test_one_matching_for_all_or_each() -> None:
    """Numbers that mean the same in all images, and numbers that do not."""
    truth = [np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1], [0, 1, 1]])]
    turned = [truth[0], 1 - truth[1]]
    assert float(lm.evaluate.segmentation(turned, truth, progress=False)) == 1
    together = lm.evaluate.segmentation(turned, truth, matching="set", progress=False)
    # Class 0 has 4 pixels, 2 of them in segment 1 (4 pixels): 2 / 6. Class 1 has 6, 4 of them in segment 0 (6): 4 / 8.
    assert [(one.segment, one.iou) for one in together.classes[0]] == [(1, 2 / 6), (0, 4 / 8)]
    assert together.accuracy == 6 / 10
    assert len(together.images) == 1
    with pytest.raises(ValueError, match="predicted: are 1, wanted 2 as masks"):
        lm.evaluate.segmentation(turned[:1], truth, progress=False)
    with pytest.raises(ValueError, match=r"predicted\[1\]: is \[1, 4\], wanted \[2, 3\] as masks\[1\]"):
        lm.evaluate.segmentation([turned[0], turned[0]], truth, progress=False)


def test_an_encoder_divides_images(model: lm.LatentMIM, images: np.ndarray, tmp_path: Path) -> None:
    """By files of two folders, by their names; as many segments as the mask has classes."""
    from PIL import Image

    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    masks = [reference.blobs(np.random.default_rng(index), 48, 56, 2) for index in range(3)]
    for index, mask in enumerate(masks):
        mask[0, :4] = [0, 1, 2, 255]
        Image.fromarray(images[index]).save(tmp_path / f"images/{index}.png")
        lm.data.write_labels(tmp_path / f"masks/{index}.png", mask)
    scores = lm.evaluate.segmentation(model, tmp_path / "masks", tmp_path / "images", progress=False)
    segments = [lm.segment(model.encoder, image, 3) for image in images[:3]]
    assert scores.to_dict() == lm.evaluate.segmentation(segments, masks, progress=False).to_dict()
    files = [sorted((tmp_path / name).iterdir()) for name in ("masks", "images")]
    assert float(lm.evaluate.segmentation(model, *files, progress=False)) == float(scores)
    rows = [mask.tolist() for mask in masks]
    assert float(lm.evaluate.segmentation(segments, rows, progress=False)) == float(scores)
    assert float(lm.evaluate.segmentation(segments[0], rows[0], progress=False)) == scores.images[0]
    assert float(lm.evaluate.segmentation(segments, np.stack(masks), progress=False)) == float(scores)
    assert len(scores.images) == 3 and "3 images, each for itself" in scores.markdown()
    five = lm.evaluate.segmentation(model, masks[0], images[0], segments=5, linkage="average", progress=False)
    assert float(five) == float(
        lm.evaluate.segmentation(lm.segment(model.encoder, images[0], 5, linkage="average"), masks[0], progress=False)
    )
    (tmp_path / "images/1.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"images: no file goes with .*masks/1\.png"):
        lm.evaluate.segmentation(model, tmp_path / "masks", tmp_path / "images", progress=False)
    with pytest.raises(ValueError, match="images: are not given"):
        lm.evaluate.segmentation(model, masks, progress=False)
    with pytest.raises(ValueError, match="neither images nor options"):
        lm.evaluate.segmentation(segments, masks, segments=3, progress=False)
