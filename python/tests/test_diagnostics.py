"""Watching for collapse: spread behind layers, where a loss stands, what the guard does."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels

import latentmim as lm
from latentmim import cli

# MSE with gradient through both branches: the naive model of Table 1, which collapses.
NAIVE: dict[str, Any] = {
    "target_encoder": "joint",
    "objective": "mse",
    "decoder": "self_attention",
    "similarity_coefficient": 0.0,
    "projector": "none",
}


def naive(out: Path | None = None, **options: Any) -> lm.Trainer:
    model = lm.LatentMIM(**(SMALL | NAIVE), seed=1)
    training: dict[str, Any] = {"epochs": 20, "batch_size": 16, "base_learning_rate": 0.05, "progress": False}
    return lm.Trainer(model, pixels(32), out=out, **(training | options))


def test_spread_against_numpy(model: lm.LatentMIM, images: np.ndarray) -> None:
    """Layer by layer: the definition, in float64, from the features themselves."""
    images = images[:5, :40, :48]
    found = lm.spread(model.encoder, images)
    assert found.effective_rank.shape == found.similarity.shape == (3,)
    for layer in range(3):
        means = model.encoder.features(images, layer=layer, norm=False).mean(1, dtype=np.float64)
        values = np.linalg.svd(means - means.mean(0), compute_uv=False)
        shares = values / values.sum()
        rank = math.exp(-sum(share * math.log(share) for share in shares if share > 0))
        units = means / np.linalg.norm(means, axis=1, keepdims=True)
        cosines = units @ units.T
        np.testing.assert_allclose(found.effective_rank[layer], rank, rtol=1e-4)
        np.testing.assert_allclose(found.similarity[layer], (cosines.sum() - 5) / 20, rtol=1e-5)
    assert str(found).splitlines()[0].split() == ["layer", "rank", "similarity"]
    assert len(str(found).splitlines()) == 4


def test_spread_refuses(model: lm.LatentMIM, images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="at least two images"):
        lm.spread(model.encoder, images[:1, :40, :48])
    with pytest.raises(ValueError, match="height is 41, not divisible"):
        lm.spread(model.encoder, np.zeros((2, 41, 48, 3), np.uint8))


@pytest.mark.parametrize(
    ("position", "words"),
    [
        (1.3, "Worse than chance"),
        (1.0, "At chance"),
        (0.8, "has begun"),
        (0.4, "Learning well"),
        (0.05, "Near the floor"),
    ],
)
def test_thermometer(model: lm.LatentMIM, position: float, words: str) -> None:
    loss = model.floor_loss + position * (model.chance_loss - model.floor_loss)
    metrics = {"loss": loss + 7, "objective_loss": loss, "similarity_targets": 0.3, "similarity_images": 0.2, "step": 3}
    found = lm.diagnose(model, metrics)
    assert found.position == pytest.approx(position)
    assert found.loss == loss
    assert words in found.meaning
    assert (found.chance, found.floor) == (model.chance_loss, model.floor_loss)
    bar = str(found).split("├")[1].split("┤")[0]
    assert len(bar) == 30
    assert bar.index("●") == min(round(29 * position), 29)


@pytest.mark.parametrize("objective", ["patch_discrimination", "normalized_mse"])
@pytest.mark.parametrize("coefficient", [0.0, 0.1, 20.0])
def test_a_run_that_does_not_move(objective: Any, coefficient: float) -> None:
    """A rate of 10⁻⁶ is not called too high, whatever the constraint adds to the loss; where it adds nothing, and only
    there, the loss alone says as much.
    """
    chosen = lm.LatentMIM(**(SMALL | {"objective": objective, "similarity_coefficient": coefficient}), seed=1)
    trainer = lm.Trainer(chosen, pixels(32), epochs=2, batch_size=16, base_learning_rate=1e-6, progress=False)
    metrics = dict(trainer.step())
    found = lm.diagnose(chosen, metrics)
    share = metrics["objective_loss"] - chosen.floor_loss
    assert found.position == pytest.approx(share / (chosen.chance_loss - chosen.floor_loss))
    assert ("too low" in found.meaning) == (found.position >= 1.05)
    without = lm.diagnose(chosen, {name: value for name, value in metrics.items() if name != "objective_loss"})
    if coefficient:
        assert metrics["loss"] > metrics["objective_loss"]
        assert math.isnan(without.position)
        assert "'objective_loss' is not among the metrics" in str(without)
    else:
        assert (without.position, without.meaning) == (found.position, found.meaning)


def test_the_objectives_share_of_a_batch_in_parts() -> None:
    """The constraint looks at the whole batch, and the objective's share is the mean of the parts'."""
    found = []
    for parts in (1, 4):
        chosen = lm.LatentMIM(**(SMALL | {"similarity_coefficient": 5.0, "similarity_form": "batch"}), seed=1)
        trainer = lm.Trainer(chosen, pixels(16), epochs=2, batch_size=16, accumulation_steps=parts, progress=False)
        found.append(trainer.step())
    for name in ("loss", "objective_loss"):
        assert found[1][name] == pytest.approx(found[0][name], rel=1e-5)
    assert found[0]["objective_loss"] < found[0]["loss"]


def test_thermometer_sees_collapse(model: lm.LatentMIM) -> None:
    diagnosis = lm.diagnose(model, {"loss": 0.5, "similarity_targets": 0.3, "similarity_images": 0.999})
    assert diagnosis.meaning.startswith("Collapse")
    assert (
        "nearly equal"
        in lm.diagnose(model, {"loss": 0.5, "similarity_targets": 0.99, "similarity_images": 0.2}).meaning
    )
    plain = lm.LatentMIM(**(SMALL | NAIVE))
    diagnosis = lm.diagnose(plain, {"loss": 0.5, "similarity_targets": 0.3, "similarity_images": 0.2})
    assert math.isnan(diagnosis.position)
    assert "no chance level" in str(diagnosis)


def test_diagnosis_of_what_is_no_loss(model: lm.LatentMIM) -> None:
    metrics: dict[str, Any] = {"loss": math.nan, "similarity_targets": 0.3, "similarity_images": 0.2}
    for diagnosis in (lm.diagnose(model, metrics), lm.diagnose(model, metrics | {"loss": None})):
        assert "training has diverged" in str(diagnosis)
    given = {"loss": 3.0, "objective_loss": 2.5, "similarity_images": None}
    assert "chance" in lm.diagnose(model, metrics | given)._repr_html_()
    with pytest.raises(ValueError, match="metrics: similarity_targets, similarity_images missing"):
        lm.diagnose(model, {"loss": 1.0})


def test_shown_in_notebooks(model: lm.LatentMIM, images: np.ndarray) -> None:
    loss = (model.floor_loss + model.chance_loss) / 2
    metrics = {"loss": loss, "objective_loss": loss, "similarity_targets": 0.3, "similarity_images": 0.2}
    diagnosis = lm.diagnose(model, metrics)
    assert "value=0.500" in diagnosis._repr_html_()
    assert f"<b>{loss:.3f}</b>. Learning well" in diagnosis._repr_html_()
    spread = lm.spread(model.encoder, images[:3, :40, :48])
    assert len(spread._repr_markdown_().splitlines()) == 2 + 3


def test_collapse_is_not_seen_in_one_image() -> None:
    with pytest.raises(ValueError, match="collapse_similarity compares the images of a batch, and batch_size is 1"):
        naive(batch_size=1, collapse_similarity=0.9)


def test_stops_with_the_last_good_checkpoint(tmp_path: Path) -> None:
    trainer = naive(tmp_path, collapse_similarity=0.9, collapse_patience=3, save_every=0.5)
    with pytest.raises(
        lm.CollapseError, match=r"above collapse_similarity = 0\.9, for 3 steps in a row.*last checkpoint"
    ):
        trainer.fit()
    crossed = [line["step"] for line in trainer.history if line["similarity_images"] > 0.9]
    # The third step that crossed is in the error, not in the history.
    assert crossed[-2:] == [trainer.state.step - 2, trainer.state.step - 1]
    again = naive()
    again.restore(tmp_path / "checkpoints" / "last.safetensors")
    assert again.state.step not in crossed
    assert 0 < again.state.step < trainer.state.step


def test_rolls_back(tmp_path: Path) -> None:
    options: dict[str, Any] = {"collapse_rank": 1.5, "collapse_similarity": 0.9, "collapse_patience": 3}
    trainer = naive(tmp_path, on_collapse="roll_back", save_every=0.5, **options)
    with pytest.warns(RuntimeWarning, match="training has collapsed; back at "):
        history = trainer.fit()
    assert history[-1]["step"] == trainer.state.step
    assert history[-1]["similarity_images"] <= 0.9
    saved = lm.load_encoder(tmp_path / "encoder.safetensors")
    assert np.array_equal(saved.features(pixels(2)), trainer.model.encoder.features(pixels(2)))


def test_diagnostics_changes_no_numbers() -> None:
    plain, watched = naive(), naive(collapse_similarity=0.9999999, collapse_rank=0.1)
    for _ in range(6):
        first, second = plain.step(), watched.step()
        assert first is not None and second is not None
        assert first["loss"] == second["loss"]


def test_rank_alone() -> None:
    trainer = naive(collapse_rank=100.0, collapse_patience=2)
    trainer.step()
    assert trainer.state.looks_collapsed
    with pytest.raises(lm.CollapseError, match=r"effective rank is .* below collapse_rank = 100\.0, for 2 steps"):
        trainer.step()
    assert trainer.state.step == 2
    assert trainer.step() is not None, "counting begins anew"


def test_no_rank_of_images_that_look_alike_passes() -> None:
    """A rank is never below 1: what stops this run is the similarity that belongs to it."""
    trainer = naive(epochs=60, collapse_rank=0.5, collapse_patience=3)
    with pytest.raises(
        lm.CollapseError, match=r"above 0\.98, so that their effective rank \(collapse_rank = 0\.5\) says"
    ):
        trainer.fit()
    # Who says which similarity is too much is taken at his word.
    trainer = naive(epochs=60, collapse_rank=0.5, collapse_similarity=0.9999999, collapse_patience=3)
    trainer.fit()
    assert max(line["similarity_images"] for line in trainer.history) > 0.98


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="on_collapse: is 'roll_back', which needs a folder"):
        naive(on_collapse="roll_back")
    with pytest.raises(ValueError, match="on_collapse: is 'restart'"):
        naive(on_collapse="restart")
    with pytest.raises(ValueError, match="collapse_patience is 0"):
        naive(collapse_patience=0)


def test_command_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A collapsed run ends with status 1 and says so."""
    options = {**SMALL, **NAIVE, "collapse_rank": 100, "collapse_patience": 2, "base_learning_rate": 0.01}
    settings = [part for name, value in options.items() for part in ("--set", f"{name}={json.dumps(value)}")]
    status = cli.main(
        ["pretrain", str(folder), "--out", str(tmp_path), "--epochs", "4", "--batch-size", "2", *settings]
    )
    assert status == 1
    assert "training has collapsed" in capsys.readouterr().err
