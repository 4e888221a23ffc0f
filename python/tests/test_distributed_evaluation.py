"""Several processes that evaluate one encoder over MPI: the same bits as one. Needs mpi4py and a launcher."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels
from distributed_evaluation_job import PROTOCOLS, TUNED, Given, content, tuned
from mpi_jobs import job, needs_mpi
from PIL import Image
from test_davis import masks

import latentmim as lm
from latentmim import cli, pretraining
from latentmim.runs import read_metrics

pytestmark = needs_mpi
JOB = Path(__file__).with_name("distributed_evaluation_job.py")


def found(name: str, folder: Path, ranks: int = 2) -> Any:
    """What each rank found."""
    status, text = job(JOB, name, folder, ranks=ranks)
    assert status == 0, text
    return json.loads((folder / "found.json").read_text())


@pytest.mark.parametrize("ranks", [2, 3])
def test_protocols_are_those_of_one_process_to_the_bit(ranks: int, tmp_path: Path) -> None:
    """Of two sets, of 75 and 150 images in parts of 64 at most, and of one with fewer parts than ranks."""
    given, all_found = Given(), found("protocols", tmp_path, ranks)
    for name, protocol in PROTOCOLS.items():
        alone = content(protocol(given, None))
        for rank in all_found:
            assert rank[name] == alone, name


def test_an_image_has_the_same_bits_alone_and_in_any_batch() -> None:
    """With the library's own products; OpenBLAS's depend on sizes, which is why ranks take whole parts."""
    if lm.runtime.instruction_set() == "portable":
        pytest.skip("OpenBLAS computes products here")
    images, encoder = pixels(70, 32, 40), Given().encoder
    for precision in lm.runtime.feature_precisions():
        whole = lm.evaluate.features(encoder, images, precision=precision, progress=False)
        for size in (1, 3, 64):
            parts = [
                lm.evaluate.features(encoder, images[first : first + size], precision=precision, progress=False)
                for first in range(0, len(images), size)
            ]
            assert np.array_equal(np.concatenate(parts), whole), (precision, size)


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A folder of 80 images in two classes, number 70 of which, rank 1's, is damaged."""
    folder = tmp_path / "damaged"
    for number, image in enumerate(pixels(80, 32, 40)):
        place = folder / ("cats" if number < 40 else "dogs")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number:02}.png")
    path = folder / "dogs/70.png"
    path.write_bytes(path.read_bytes()[:400])
    return folder


def videos(root: Path) -> Path:
    """Three sequences as DAVIS 2017 has them, of different lengths."""
    for name, objects, frames in (("bear", 1, 3), ("judo", 2, 5), ("train", 1, 4)):
        labels = masks(objects, objects)[:frames]
        for kind in ("Annotations", "JPEGImages"):
            (root / kind / "480p" / name).mkdir(parents=True)
        for frame, mask in enumerate(labels):
            lm.data.write_labels(root / f"Annotations/480p/{name}/{frame:05}.png", mask)
            picture = (mask * 40 % 256).astype(np.uint8)
            Image.fromarray(np.stack([picture] * 3, 2)).save(root / f"JPEGImages/480p/{name}/{frame:05}.png")
    return root


def test_files(damaged: Path, tmp_path: Path) -> None:
    """What one rank cannot read is an error of all that names the file, and none waits; videos are shared out."""
    whole = videos(tmp_path / "DAVIS")
    broken = Path(shutil.copytree(whole, tmp_path / "broken"))
    frame = broken / "JPEGImages/480p/train/00002.png"
    frame.write_bytes(frame.read_bytes()[:60])
    encoder = Given().encoder
    for rank, said in enumerate(found("folders", tmp_path)):
        for name, file in (("nn", "70.png"), ("duplicates", "70.png"), ("damaged frame", "train/00002.png")):
            other = 1 - rank
            assert file in said[name] and ("rank" not in said[name] or f"rank {other}: " in said[name]), said[name]
            assert said[name].startswith(("ValueError: ", "OSError: "))
        assert said["no folder"].startswith("FileNotFoundError") and "nowhere" in said["no folder"]
        skipping = lm.ImageFolder(damaged, on_error="skip")
        assert said["skipped"] == content(lm.evaluate.nearest_neighbor(encoder, skipping, progress=False))
        alone = lm.evaluate.davis(encoder, whole, size=32, progress=False, out=tmp_path / "alone")
        assert said["davis"] == content(alone)
    for mask in sorted((tmp_path / "alone").glob("*/*.png")):
        together = tmp_path / "masks" / mask.relative_to(tmp_path / "alone")
        assert together.read_bytes() == mask.read_bytes()


def test_what_ranks_do_not_have_alike_is_told(tmp_path: Path) -> None:
    first, second = found("differing", tmp_path)
    assert first["weights"] == second["weights"] == "ValueError: ranks: rank 1 has other weights than rank 0"
    assert first["images"] == second["images"] == "ValueError: rank 1 has other images than rank 0"
    assert first["options"] == second["options"]
    assert "rank 1 encodes other images than rank 0, or by another protocol" in first["options"]
    assert "pooling" in second["refused by one"]
    assert first["refused by one"] == second["refused by one"].replace("ValueError: ", "ValueError: rank 1: ")
    assert second["no encoder"].startswith("TypeError") and "rank 1: " in first["no encoder"]
    assert first["on all"] == second["on all"] and "k is 99" in first["on all"]
    assert first["too few pairs"] == second["too few pairs"]
    assert "batch_size is 2, wanted 3 or more: each of 2 ranks" in first["too few pairs"]
    given = Given()
    assert first["accuracy"] == lm.evaluate.nearest_neighbor(given.encoder, given.test, progress=False).accuracy


@pytest.mark.parametrize("ranks", [2, 3])
def test_fine_tuning_is_that_of_one_process(damaged: Path, ranks: int, tmp_path: Path) -> None:
    """But for the rounding of sums; all ranks have the same weights, bit by bit."""
    given, all_found = Given(), found("tuning", tmp_path, ranks)
    for index, options in enumerate(TUNED):
        alone, features = tuned(given, None, **options)
        for rank in all_found:
            result, losses, together = rank["found"][index]
            assert np.allclose(losses, alone.losses, rtol=1e-5, atol=0)
            assert np.allclose(together, features, atol=1e-4)
            assert [result["train"], result["test"]] == [150, 75]
            assert rank["found"][index] == all_found[0]["found"][index]
    for number, rank in enumerate(all_found):
        assert "fine_tune" not in rank["suite"]
        assert "70.png" in rank["damaged"] and f"rank {number}" not in rank["damaged"]
        assert rank["afterwards"] == all_found[0]["afterwards"]


def test_ctrl_c_of_one_rank_is_heard_by_all(tmp_path: Path) -> None:
    first, second = found("interrupted", tmp_path)
    assert second.startswith("KeyboardInterrupt") and first.startswith("KeyboardInterrupt: rank 1")


def test_scores_while_training(tmp_path: Path) -> None:
    first, second = found("scores_while_training", tmp_path)
    assert first[:2] == first[2:4] and first[2:] == second[2:] and first[4] == 10


def test_the_command(damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rank 0 prints and writes; errors are told once."""
    weights, good = tmp_path / "encoder.safetensors", tmp_path / "damaged/cats"
    Given().encoder.save(weights)
    (damaged / "dogs/70.png").unlink()
    command = ["evaluate", str(weights), str(damaged), "--protocol"]
    assert cli.main([*command, "nn", "--json", str(tmp_path / "alone.json")]) == 0
    status, text = job("-m", "latentmim", *command, "nn", "--json", tmp_path / "ranks.json")
    row = capsys.readouterr().out
    assert status == 0 and text.count(row) == text.count("| nn |") == 1, text
    assert json.loads((tmp_path / "ranks.json").read_text()) == json.loads((tmp_path / "alone.json").read_text())
    for rest, message in (
        (["knn", "--train", str(tmp_path / "nowhere")], "nowhere"),
        (["nn", "--layer", "9"], "layer"),
    ):
        status, text = job("-m", "latentmim", *command, *rest)
        assert status != 0 and text.count("latentmim evaluate: ") == 1 and message in text, text
    tuning = ["fine_tune", "--train", str(damaged), "--set", "epochs=1", "--out", str(tmp_path / "tuned.safetensors")]
    status, text = job("-m", "latentmim", *command, *tuning)
    assert status == 0 and text.count("| fine_tune, small |") == 1, text
    assert lm.load_encoder(tmp_path / "tuned.safetensors").config.width == Given().encoder.config.width
    status, text = job("-m", "latentmim", "evaluate", weights, good, "--protocol", "duplicates")
    assert status == 0 and text.count("images in") == 1, text


def test_a_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rank 0's clock counts; the run goes on with one process, for what is left of a larger budget."""
    from conftest import Clock

    from latentmim import budgets

    (spent, weights), (_, others) = found("budget", tmp_path)
    assert spent == pytest.approx(60, rel=0.05) and weights == others
    steps = len(read_metrics(tmp_path / "run/metrics.jsonl"))
    assert 60 < steps < 120
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["training"]["batch_size"] == 16 and config["budget"]["seconds"] == 60
    clock, step = Clock(), lm.Trainer.step

    def timed(trainer: lm.Trainer) -> Any:
        clock.time += 0.5
        return step(trainer)

    monkeypatch.setattr(budgets, "now", clock)
    monkeypatch.setattr(lm.Trainer, "step", timed)
    monkeypatch.setattr(pretraining, "_draw", lambda _: None)
    began = clock.time
    lm.pretrain(pixels(17), tmp_path / "run", budget=90, batch_size=16, progress=False, **SMALL)
    assert clock.time - began == pytest.approx(30, abs=4.5)
    assert len(read_metrics(tmp_path / "run/metrics.jsonl")) == pytest.approx(steps + 60, abs=9)
