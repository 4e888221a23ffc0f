"""The library against the independent reference (reference.py, float64): loss, metrics, every gradient, ten steps.

Every weight is moved off its initial value first, the target encoder's apart from the online ones, so that no bias,
norm or token hides at zero or one.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import latentmim as lm
import reference
from reference import Config, Views, configuration

Arrays = dict[str, np.ndarray]

BATCH = 4
GAMMA = 0.35

SIZES: dict[str, Any] = {
    "grid": (6, 5),
    "patch_size": 8,
    "channels": 3,
    "patch_gap": 4,
    "num_visible": 9,
    "width": 96,
    "depth": 4,
    "heads": 4,
    "decoder_width": 64,
    "decoder_depth": 2,
    "decoder_heads": 4,
    "projector_width": 160,
    "projector_depth": 3,
}
SMALL = SIZES | {"width": 48, "depth": 2, "heads": 3, "decoder_width": 32, "decoder_depth": 1, "projector_width": 56}
ODD = SMALL | {"grid": (3, 7), "patch_size": 5, "channels": 1, "num_visible": 4}


class Case(NamedTuple):
    """A preset, the options to change in it, and whether the residual streams are kept near zero."""

    preset: str
    options: dict[str, Any]
    quiet: bool = False


CASES: dict[str, Case] = {
    "official": Case("official", SIZES),
    "paper": Case("paper", SIZES),
    "official, odd grid, grey": Case("official", ODD),
    "paper, odd grid, grey": Case("paper", ODD),
    "official, no gap": Case("official", SMALL | {"patch_gap": 0}),
    "paper, no gap": Case("paper", SMALL | {"patch_gap": 0}),
    "official, one row, one patch seen": Case("official", SMALL | {"grid": (1, 6), "num_visible": 1}),
    "official, one column": Case("official", SMALL | {"grid": (6, 1), "num_visible": 3}),
    "official, projector online": Case("official", SMALL | {"projector": "online"}),
    "official, projector none": Case("official", SMALL | {"projector": "none"}),
    "paper, projector both": Case("paper", SMALL | {"projector": "both"}),
    "paper, projector none": Case("paper", SMALL | {"projector": "none"}),
    "official, projector depth 2": Case("official", SMALL | {"projector_depth": 2}),
    "official, projector depth 1": Case("official", SMALL | {"projector_depth": 1}),
    "official, image form": Case("official", SMALL | {"similarity_form": "image"}),
    "paper, batch form": Case("paper", SMALL | {"similarity_form": "batch"}),
    "official, un-projected constraint": Case("official", SMALL | {"similarity_tokens": "unprojected"}),
    "paper, projected constraint": Case("paper", SMALL | {"similarity_tokens": "projected"}),
    "official, index positions": Case("official", SMALL | {"positions": "index"}),
    "official, cues unscaled": Case("official", SMALL | {"cue_scale": "none"}),
    "official, not standardised": Case("official", SMALL | {"standardize_predictions": False}),
    "official, other numbers": Case(
        "official",
        SMALL | {"mlp_ratio": 2.0, "temperature": 0.07, "loss_scale": 1.0, "similarity_coefficient": 0.7},
    ),
    "official, no constraint": Case("official", SMALL | {"similarity_coefficient": 0.0}),
    # the epsilons of the norms and of the standardisation, and its unbiased deviation, show only here
    "official, quiet": Case("official", SMALL | {"decoder_depth": 2}, quiet=True),
    "paper, quiet": Case("paper", SMALL | {"decoder_depth": 2}, quiet=True),
}


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


def split(parameters: Arrays) -> tuple[reference.Parameters, reference.Parameters]:
    """Online and target parameters in float64."""
    online = {name: jnp.asarray(v, jnp.float64) for name, v in parameters.items() if reference.is_online(name)}
    target = {name: jnp.asarray(v, jnp.float64) for name, v in parameters.items() if not reference.is_online(name)}
    return online, target


def without_buffers(parameters: Arrays) -> Arrays:
    """Parameters without the fixed position tables, should the library list them."""
    return {name: value for name, value in parameters.items() if not name.endswith(".pos_embeds")}


def as_views(views: Any) -> Views:
    """The library's views for the reference."""
    return Views(*(jnp.asarray(np.asarray(x), jnp.int64) for x in (views.visible, views.target, views.offsets)))


def build(case: Case, seed: int = 3) -> tuple[Any, Config, Arrays]:
    """The library's model with perturbed weights, the reference's configuration and those weights."""
    config = configuration(case.preset, **case.options)
    model = lm.LatentMIM(**case.options, preset=case.preset, seed=seed)
    model.load_parameters(perturbed_parameters(config, model.parameters(), seed + 100, case.quiet))
    return model, config, without_buffers(model.parameters())


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
def case(request: pytest.FixtureRequest) -> Comparison:
    """Both sides on the same weights, images and views."""
    model, config, parameters = build(CASES[request.param])
    images = random_images(config, seed=5)
    views = lm.masking.sample(model.config, batch=BATCH, seed=3)
    model.zero_gradients()
    value, metrics = model.loss(images, views, gamma=GAMMA)
    expected = reference.loss_and_gradients(
        *split(parameters), images.astype(np.float64), as_views(views), GAMMA, config
    )
    return Comparison(
        model=model,
        config=config,
        loss=float(value),
        metrics=metrics,
        gradients=model.gradients(),
        expected_loss=float(expected[0]),
        expected_metrics={name: float(x) for name, x in expected[1].items()},
        expected_gradients={name: np.asarray(x) for name, x in expected[2].items()},
    )


def test_configuration(case: Comparison) -> None:
    """The preset and the options arrive: every field equals the reference's."""
    for field in dataclasses.fields(Config):
        actual, expected = getattr(case.model.config, field.name), getattr(case.config, field.name)
        if isinstance(expected, tuple):
            assert tuple(actual) == expected, field.name
        else:
            assert actual == (pytest.approx(expected) if isinstance(expected, float) else expected), field.name


def test_parameter_names_and_shapes(case: Comparison) -> None:
    """Exactly the published names, float32."""
    parameters = without_buffers(case.model.parameters())
    shapes = reference.parameter_shapes(case.config)
    assert {name: value.shape for name, value in parameters.items()} == shapes
    assert all(value.dtype == np.float32 for value in parameters.values())
    assert case.gradients.keys() == {name for name in shapes if reference.is_online(name)}


def test_loss(case: Comparison) -> None:
    """Within 1e-5 of the reference."""
    assert case.loss == pytest.approx(case.expected_loss, rel=1e-5)


def test_metrics(case: Comparison) -> None:
    """Each within 1e-4, and none so near γ that the constraint could not be seen to push."""
    for name, expected in case.expected_metrics.items():
        assert case.metrics[name] == pytest.approx(expected, abs=1e-4), name
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
    online, target = split(parameters)
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
    model, _, parameters = build(Case("official", SMALL | {"projector": projector}))
    online, target = split(parameters)
    model.update_target(0.7)
    actual = model.parameters()
    for name, expected in (online | reference.update_target(target, online, 0.7)).items():
        np.testing.assert_allclose(actual[name], expected, rtol=1e-6, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("name", ["official", "paper", "official, odd grid, grey", "paper, projector both"])
def test_ten_steps(name: str) -> None:
    """Fresh images and views, all three schedules, target average before the loss: every loss within 1e-4."""
    model, config, parameters = build(CASES[name])
    optimizer = lm.AdamW(model, weight_decay=0.05, betas=(0.9, 0.95), eps=1e-8)
    online, target = split(parameters)
    state = reference.adamw_state(online)
    training = reference.Training(
        peak_lr=1e-3, warmup=0.3, final_fraction=0.25 if CASES[name].preset == "official" else 0.0, momentum=0.9
    )
    losses, expected_losses = [], []
    model.zero_gradients()
    for step in range(10):
        lr, momentum, gamma = reference.schedule(training, step / 10)
        images = random_images(config, seed=20 + step)
        views = lm.masking.sample(model.config, batch=BATCH, seed=40 + step)

        model.update_target(momentum)
        losses.append(float(model.loss(images, views, gamma=gamma)[0]))
        optimizer.step(lr)

        target = reference.update_target(target, online, momentum)
        expected, _, grads = reference.loss_and_gradients(
            online, target, images.astype(np.float64), as_views(views), gamma, config
        )
        online, state = reference.adamw_step(online, grads, state, lr)
        expected_losses.append(float(expected))
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-4)
    moved = jax.tree.map(lambda new, old: float(jnp.abs(new - old).max()), online, split(parameters)[0])
    assert min(moved.values()) > 1e-4, "ten steps moved every parameter"
