"""The library against the independent reference (reference/, float64): loss, metrics, every gradient, ten steps.

Every weight is moved off its initial value first, the target encoder's apart from the online ones, so that no bias,
norm or token hides at zero or one.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference_cases import CASES, SMALL, Case

import latentmim as lm
import reference
from reference import Config, Views, configuration

Arrays = dict[str, np.ndarray]

BATCH = 4
GAMMA = 0.35


def perturbed_parameters(config: Config, initial: Arrays, seed: int, quiet: bool) -> Arrays:
    """The initial values plus noise, drawn in sorted order of the names.

    `quiet` shrinks all that writes to a residual stream, so that the class tokens' variances are near the epsilons.
    """
    rng = np.random.default_rng(seed)
    parameters = {}
    for name in sorted(reference.parameter_shapes(config)):
        value = np.asarray(initial[name], np.float64)
        scale = 0.02 if value.ndim == 2 else 0.2
        value = value + rng.normal(scale=scale, size=value.shape)
        if quiet and not any(part in name for part in ("norm", "qkv", "q_proj", "kv_proj", "fc1")):
            value *= 0.01
        parameters[name] = value.astype(np.float32)
    return parameters


def random_images(config: Config, seed: int) -> np.ndarray:
    """Images [B,H,W,c] of the training crop's size with structure at several scales, about normalised."""
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(BATCH, *config.crop, config.channels))
    level = rng.normal(size=(BATCH, 1, 1, config.channels))
    slope = rng.normal(size=(BATCH, 1, 1, config.channels)) * np.linspace(-1, 1, config.crop[0])[:, None, None]
    return (0.6 * images + 0.5 * level + slope).astype(np.float32)


def split(parameters: Arrays, config: Config) -> tuple[reference.Parameters, reference.Parameters]:
    """Trained and averaged parameters in float64."""
    exact = {name: jnp.asarray(value, jnp.float64) for name, value in parameters.items()}
    trained = {name: value for name, value in exact.items() if reference.is_trained(name, config)}
    return trained, {name: value for name, value in exact.items() if name not in trained}


def without_buffers(parameters: Arrays, config: Config) -> Arrays:
    """Parameters without the fixed position tables, should the library list them."""
    buffers = reference.buffer_shapes(config)
    return {name: value for name, value in parameters.items() if name not in buffers}


def as_views(views: Any, config: Config) -> Views:
    """The library's views for the reference."""
    arrays = (jnp.asarray(np.asarray(x), jnp.int64) for x in (views.visible, views.target, views.offsets))
    return Views(*arrays, target_blocks=views.target_blocks if config.mask == "multi_block" else 1)


class Inputs:
    """A batch for both sides: images and views, and what else a configuration wants.

    That is `target_images`, recoloured crops for the target encoder (here images of their own), and `second_images`
    with `second_views`, the other crops that are contrasted with the first.
    """

    def __init__(self, model: Any, config: Config, seed: int, views_seed: int) -> None:
        self.config = config
        self.images = random_images(config, seed)
        self.views = lm.masking.sample(model.config, batch=BATCH, seed=views_seed)
        self.others: dict[str, Any] = {}
        if config.target_view == "recolored":
            self.others["target_images"] = random_images(config, seed + 1000)
        if config.contrast_coefficient > 0:
            self.others["second_images"] = random_images(config, seed + 2000)
            self.others["second_views"] = lm.masking.sample(model.config, batch=BATCH, seed=views_seed + 2000)

    def loss(self, model: Any, gamma: float) -> tuple[float, dict[str, float]]:
        """The library's loss and metrics."""
        value, metrics = model.loss(self.images, self.views, gamma=gamma, **self.others)
        return float(value), metrics

    def expected(
        self, trained: reference.Parameters, averaged: reference.Parameters, gamma: float
    ) -> tuple[float, dict[str, float], reference.Parameters]:
        """The reference's loss, metrics and gradients."""
        others = {
            name: as_views(value, self.config) if name == "second_views" else value.astype(np.float64)
            for name, value in self.others.items()
        }
        images, views = self.images.astype(np.float64), as_views(self.views, self.config)
        value, metrics, gradients = reference.loss_and_gradients(
            trained, averaged, images, views, gamma, self.config, **others
        )
        return float(value), {name: float(x) for name, x in metrics.items()}, gradients


def build(case: Case, seed: int = 3) -> tuple[Any, Config, Arrays]:
    """The library's model with perturbed weights, the reference's configuration and those weights."""
    config = configuration(case.preset, **case.options)
    model = lm.LatentMIM(**case.options, preset=case.preset, seed=seed)
    model.load_parameters(perturbed_parameters(config, model.parameters(), seed + 100, case.quiet))
    return model, config, without_buffers(model.parameters(), config)


@dataclass
class Comparison:
    """One step's results of both sides."""

    model: Any
    config: Config
    loss: float
    metrics: dict[str, float]
    gradients: Arrays
    expected_loss: float
    expected_metrics: dict[str, float]
    expected_gradients: Arrays


@pytest.fixture(scope="module", params=list(CASES), ids=str)
def case(request: pytest.FixtureRequest) -> Iterator[Comparison]:
    """Both sides on the same weights, images and views."""
    model, config, parameters = build(CASES[request.param])
    inputs = Inputs(model, config, seed=5, views_seed=3)
    model.zero_gradients()
    value, metrics = inputs.loss(model, GAMMA)
    expected = inputs.expected(*split(parameters, config), GAMMA)
    yield Comparison(
        model=model,
        config=config,
        loss=value,
        metrics=metrics,
        gradients=model.gradients(),
        expected_loss=expected[0],
        expected_metrics=expected[1],
        expected_gradients={name: np.asarray(x) for name, x in expected[2].items()},
    )
    jax.clear_caches()


def test_configuration(case: Comparison) -> None:
    """The preset and the options arrive: every field equals the reference's."""
    for field in dataclasses.fields(Config):
        if field.name == "num_visible" and case.config.mask == "multi_block":
            continue  # drawn
        actual, expected = getattr(case.model.config, field.name), getattr(case.config, field.name)
        if isinstance(expected, tuple):
            assert tuple(actual) == expected, field.name
        else:
            assert actual == (pytest.approx(expected) if isinstance(expected, float) else expected), field.name


def test_parameter_names_and_shapes(case: Comparison) -> None:
    """Exactly the published names, float32."""
    parameters = without_buffers(case.model.parameters(), case.config)
    shapes = reference.parameter_shapes(case.config)
    assert {name: value.shape for name, value in parameters.items()} == shapes
    assert all(value.dtype == np.float32 for value in parameters.values())
    assert case.gradients.keys() == {name for name in shapes if reference.is_trained(name, case.config)}


def test_loss(case: Comparison) -> None:
    """Within 1e-5 of the reference."""
    assert case.loss == pytest.approx(case.expected_loss, rel=1e-5)


def test_metrics(case: Comparison) -> None:
    """Each within 1e-4, and none so near γ that the constraint could not be seen to push."""
    for name, expected in case.expected_metrics.items():
        assert case.metrics[name] == pytest.approx(expected, abs=1e-4), name
    if case.config.similarity_coefficient > 0:
        assert abs(case.expected_metrics["similarity_predictions"] - GAMMA) > 0.02
        assert abs(case.expected_metrics["similarity_visible"] - GAMMA) > 0.02


def test_gradients(case: Comparison) -> None:
    """Every tensor's within 1e-4 of its own norm and 1e-6 of the whole gradient's."""
    whole = np.sqrt(sum((g**2).sum() for g in case.expected_gradients.values()))
    wrong = {}
    for name, expected in case.expected_gradients.items():
        error = np.linalg.norm(case.gradients[name] - expected)
        if not error <= 1e-4 * np.linalg.norm(expected) + 1e-6 * whole:
            wrong[name] = f"‖error‖ {error:.2e}, ‖expected‖ {np.linalg.norm(expected):.2e}, global {whole:.2e}"
    assert not wrong


@pytest.mark.parametrize(("preset", "largest"), [("official", 3), ("paper", 4)])
def test_views(preset: str, largest: int) -> None:
    """Each image's cells are split in two at random; offsets reach 0…G−1 (official) or 0…G (paper) on both axes."""
    model, config, _ = build(Case(preset, SMALL))
    views = lm.masking.sample(model.config, batch=64, seed=3)
    cells = config.grid[0] * config.grid[1]
    assert views.visible.shape == (64, config.num_visible)
    assert views.target.shape == (64, cells - config.num_visible)
    assert views.offsets.shape == (64, cells, 2)
    assert all(x.dtype == np.int32 for x in (views.visible, views.target, views.offsets))
    both = np.concatenate([views.visible, views.target], axis=1)
    assert (np.sort(both, axis=1) == np.arange(cells)).all()
    assert len({tuple(row) for row in np.asarray(views.visible)}) == 64
    for axis in range(2):
        assert set(np.unique(views.offsets[:, :, axis])) == set(range(largest + 1))
    assert not np.array_equal(views.offsets[:, :, 0], views.offsets[:, :, 1])


def test_gradients_accumulate_until_zeroed() -> None:
    """A second loss adds its gradient to the first's; `zero_gradients` starts anew."""
    model, config, _ = build(Case("official", SMALL))
    images = random_images(config, seed=6)
    views = lm.masking.sample(model.config, batch=BATCH, seed=4)
    model.zero_gradients()
    first, _ = model.loss(images, views, gamma=GAMMA)
    once = model.gradients()
    again, _ = model.loss(images, views, gamma=GAMMA)
    twice = model.gradients()
    assert first == again
    for name, gradient in once.items():
        np.testing.assert_allclose(
            twice[name], 2 * gradient, rtol=1e-5, atol=1e-5 * np.abs(gradient).max(), err_msg=name
        )
    model.zero_gradients()
    assert not any(gradient.any() for gradient in model.gradients().values())


def test_optimizer_follows_its_gradients() -> None:
    """Three steps from the library's own gradients, with a decay large enough to be seen; the target stays."""
    model, config, parameters = build(Case("official", SMALL))
    optimizer = lm.AdamW(model, weight_decay=0.5, betas=(0.8, 0.97), eps=1e-6)
    online, target = split(parameters, config)
    state = reference.adamw_state(online)
    model.zero_gradients()
    for step, lr in enumerate([0.01, 0.02, 0.005]):
        model.loss(random_images(config, step), lm.masking.sample(model.config, batch=BATCH, seed=step), gamma=GAMMA)
        grads = {name: jnp.asarray(gradient, jnp.float64) for name, gradient in model.gradients().items()}
        online, state = reference.adamw_step(online, grads, state, lr, 0.5, (0.8, 0.97), 1e-6)
        optimizer.step(lr)
        assert not any(gradient.any() for gradient in model.gradients().values()), "the step clears its gradients"
        actual = model.parameters()
        for name, expected in (online | target).items():
            np.testing.assert_allclose(actual[name], expected, rtol=2e-6, atol=2e-6, err_msg=f"{name}, step {step}")


@pytest.mark.parametrize("projector", ["both", "online"])
def test_target_average(projector: str) -> None:
    """Each target tensor moves to the online one of its name; the online ones stay."""
    model, config, parameters = build(Case("official", SMALL | {"projector": projector}))
    online, target = split(parameters, config)
    model.update_target(0.7)
    actual = model.parameters()
    for name, expected in (online | reference.update_target(target, online, 0.7)).items():
        np.testing.assert_allclose(actual[name], expected, rtol=1e-6, atol=1e-7, err_msg=name)


@pytest.mark.parametrize(
    "name",
    [
        "official",
        "paper",
        "official, odd grid, grey",
        "paper, projector both",
        "mae",
        "conmim",
        "independent",
        "siamese",
        "layers",
        "learned positions",
        "contrast",
    ],
)
def test_ten_steps(name: str) -> None:
    """Fresh images and views, all three schedules, target average before the loss: every loss within 1e-4."""
    model, config, parameters = build(CASES[name])
    optimizer = lm.AdamW(model, weight_decay=0.05, betas=(0.9, 0.95), eps=1e-8)
    online, target = split(parameters, config)
    state = reference.adamw_state(online)
    training = reference.Training(
        peak_lr=1e-3, warmup=0.3, final_fraction=0.25 if CASES[name].preset == "official" else 0.0, momentum=0.9
    )
    losses, expected_losses = [], []
    model.zero_gradients()
    for step in range(10):
        lr, momentum, gamma = reference.schedule(training, step / 10)
        inputs = Inputs(model, config, seed=20 + step, views_seed=40 + step)

        if target:
            model.update_target(momentum)
        losses.append(inputs.loss(model, gamma)[0])
        optimizer.step(lr)

        target = reference.update_target(target, online, momentum)
        expected, _, grads = inputs.expected(online, target, gamma)
        online, state = reference.adamw_step(online, grads, state, lr)
        expected_losses.append(expected)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-4)
    moved = jax.tree.map(lambda new, old: float(jnp.abs(new - old).max()), online, split(parameters, config)[0])
    assert min(moved.values()) > 1e-4, "ten steps moved every parameter"
