"""The reference's whole losses under its options: what they are made of, what they equal, where gradients flow."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from reference_loops import TINY, Arrays, random_parameters, random_views

import reference
from reference import Config, Views, configuration
from reference.loss import online_tokens, predictions

SMALL = TINY | {"depth": 1, "decoder_depth": 1, "projector_depth": 2}
FEW = {"decoder": "linear", "masked_input": "token"}  # parameters, and quickly compiled
LOW_LEVEL = {"target_depth": 0, "similarity_coefficient": 0.0}
GAMMA = 0.6


class Setting:
    """A tiny configuration with parameters, views and images of three images."""

    def __init__(self, preset: str = "official", *, seed: int = 0, **options: Any) -> None:
        self.config = configuration(preset, **{**SMALL, **options})
        rng = np.random.default_rng(seed)
        self.trained, self.averaged = random_parameters(self.config, rng)
        self.views = random_views(self.config, 3, rng)
        self.images = rng.normal(size=(3, *self.config.crop, self.config.channels))
        self.others: dict[str, Any] = {}
        if self.config.target_view == "recolored":
            self.others["target_images"] = rng.normal(size=self.images.shape)
        if self.config.contrast_coefficient > 0:
            self.others["second_images"] = rng.normal(size=self.images.shape)
            self.others["second_views"] = random_views(self.config, 3, rng)

    def loss(self, trained: Arrays | None = None, config: Config | None = None, **others: Any) -> float:
        """The loss, with what is given in place of the setting's own."""
        others = {**self.others, **others}
        views, images = others.pop("views", self.views), others.pop("images", self.images)
        averaged = others.pop("averaged", self.averaged)
        return float(
            reference.loss(trained or self.trained, averaged, images, views, GAMMA, config or self.config, **others)[0]
        )

    def gradients(self) -> tuple[float, Arrays]:
        """The loss, and the gradient of every trained parameter."""
        arguments = (self.trained, self.averaged, self.images, self.views, GAMMA, self.config)
        value, _, grads = reference.loss_and_gradients(*arguments, **self.others)
        return float(value), {name: np.asarray(gradient) for name, gradient in grads.items()}


DIFFERENTIATED: dict[str, dict[str, Any]] = {
    # without cues, whose weights are constants
    "independent": {
        "target_encoder": "independent",
        "masked_input": "token",
        "learn_positions": True,
        "visual_cues": False,
    },
    "joint": {"target_encoder": "joint", "decoder": "self_attention", "learn_positions": True, "target_layers": 1},
    "normalised mse, joint": {
        "target_encoder": "joint",
        "objective": "normalized_mse",
        "decoder": "linear",
        "masked_input": "token",
    },
    "negatives": {
        "target_encoder": "joint",
        "target_sees": "all",
        "negatives": "all",
        "false_negative_threshold": 0.5,
        "class_token": False,
    },
    "huber": {"objective": "huber_vector", "huber_delta": 3.0, "visual_cues": False},
    "pixels": LOW_LEVEL | {"decoder": "self_attention", "class_token": False},
    "contrast": {"contrast_coefficient": 0.7},
}


@pytest.mark.parametrize("name", list(DIFFERENTIATED))
def test_gradients_against_differences(name: str) -> None:
    setting = Setting(**DIFFERENTIATED[name])
    _, grads = setting.gradients()
    assert grads.keys() == setting.trained.keys()
    rng = np.random.default_rng(1)
    for parameter, value in setting.trained.items():
        direction = rng.normal(size=value.shape)
        step = 1e-6 / np.linalg.norm(direction)  # small: the predictor's ReLU has 12,000 kinks
        up, down = (setting.loss({**setting.trained, parameter: value + sign * step * direction}) for sign in (1, -1))
        expected = (up - down) / (2 * step)
        actual = (grads[parameter] * direction).sum()
        np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=1e-7, err_msg=parameter)


def copied_to_target(online: Arrays) -> Arrays:
    """A target encoder equal to the online one."""
    names = (name for name in online if name.startswith("encoder.") and name != "encoder.mask_token")
    return {f"target_{name}": online[name] for name in names}


def test_where_gradients_flow() -> None:
    """Of one set of weights: siamese is momentum with a fresh copy; joint adds the gradient of independent targets."""
    momentum = Setting(**FEW)
    online = momentum.trained
    momentum.averaged = copied_to_target(online)
    siamese, joint, independent = (Setting(**FEW, target_encoder=kind) for kind in ("siamese", "joint", "independent"))
    for other in (siamese, joint, independent):
        other.images, other.views = momentum.images, momentum.views
    siamese.trained = joint.trained = online
    independent.trained = online | momentum.averaged
    assert not siamese.averaged and not joint.averaged and not independent.averaged

    found = [setting.gradients() for setting in (momentum, siamese, joint, independent)]
    np.testing.assert_allclose([loss for loss, _ in found], found[0][0], rtol=1e-12)
    through_online, detached, through_both, apart = (grads for _, grads in found)
    for name, gradient in detached.items():
        np.testing.assert_allclose(gradient, through_online[name], rtol=1e-10, atol=1e-14, err_msg=name)
        np.testing.assert_allclose(gradient, apart[name], rtol=1e-10, atol=1e-14, err_msg=name)
        added = apart.get(f"target_{name}", np.zeros_like(gradient))
        np.testing.assert_allclose(gradient + added, through_both[name], rtol=1e-10, atol=1e-12, err_msg=name)
    assert all(apart[name].any() for name in momentum.averaged)


def test_learned_positions_start_as_the_fixed_ones() -> None:
    """Fixed tables given as parameters change nothing; a row for the class token, moved, does."""
    fixed = Setting()
    learned = configuration(**SMALL, learn_positions=True)
    tables = {
        f"{prefix}.pos_embed.pos_embeds": reference.positions(fixed.config, "linspace", width)
        for prefix, width in (("encoder", 8), ("target_encoder", 8), ("decoder", 12))
    }
    averaged = fixed.averaged | {name: table for name, table in tables.items() if name.startswith("target")}
    trained = fixed.trained | {name: table for name, table in tables.items() if not name.startswith("target")}
    np.testing.assert_allclose(fixed.loss(trained, learned, averaged=averaged), fixed.loss(), rtol=1e-12)
    for name in tables:
        moved = {name: tables[name] + np.eye(7, 1) * np.arange(tables[name].shape[1])}
        everything = {**trained, **averaged, **moved}
        new = {key: everything[key] for key in trained}, {key: everything[key] for key in averaged}
        assert abs(fixed.loss(new[0], learned, averaged=new[1]) - fixed.loss()) > 1e-6, name


@pytest.mark.parametrize("decoder", ["self_attention", "cross_attention"])
def test_blocks_are_predicted_apart(decoder: str) -> None:
    """The loss of two blocks is the mean of each one's, and not that of both predicted together."""
    setting = Setting("ijepa", decoder=decoder, num_visible=2)
    assert setting.config.num_visible == 2
    views = setting.views
    both = Views(views.visible, views.target, views.offsets, target_blocks=2)
    halves = [Views(views.visible, views.target[:, part], views.offsets) for part in (slice(0, 2), slice(2, 4))]
    apart = np.mean([setting.loss(views=half) for half in halves])
    np.testing.assert_allclose(setting.loss(views=both), apart, rtol=1e-12)
    assert abs(setting.loss() - apart) > 1e-4


def test_recoloured_targets() -> None:
    setting = Setting(target_view="recolored")
    same = configuration(**SMALL)
    plain = setting.loss(config=same, target_images=None)
    np.testing.assert_allclose(setting.loss(target_images=setting.images), plain, rtol=1e-12)
    assert abs(setting.loss() - plain) > 1e-4
    for config, images in ((same, setting.images), (setting.config, None)):
        with pytest.raises(ValueError, match="target_images"):
            setting.loss(config=config, target_images=images)


def test_no_constraint_on_low_level_targets() -> None:
    setting = Setting(**LOW_LEVEL)
    constrained = configuration(**SMALL, target_depth=0, similarity_coefficient=5.0)
    assert setting.loss(config=constrained) == setting.loss()


def test_hybrid_is_the_sum_of_its_parts() -> None:
    """Of visible cells' tokens: those among mask tokens of the online encoder, and all that the target encoder sees."""
    setting = Setting(**FEW, contrast_coefficient=0.7, contrast_temperature=0.3)
    plain = configuration(**SMALL | FEW)
    params = setting.trained | setting.averaged
    crops = [
        (setting.images, setting.views),
        (setting.others["second_images"], setting.others["second_views"]),
    ]
    none = {"second_images": None, "second_views": None}
    expected = np.mean([setting.loss(config=plain, images=x, views=v, **none) for x, v in crops])
    queries, keys = [], []
    for images, views in crops:
        patches = reference.extract_patches(jnp.asarray(images), views.visible, views.offsets, plain)
        z = reference.projector(
            params,
            "target_encoder",
            reference.encoder(params, "target_encoder", patches, views.visible, plain),
            plain,
        )
        keys.append(z[:, 1:].mean(1))
        cells = jnp.broadcast_to(jnp.arange(6), (3, 6))
        patches = reference.extract_patches(jnp.asarray(images), cells, views.offsets, plain)
        hidden = jnp.asarray([[c not in np.asarray(row) for c in range(6)] for row in views.visible])
        tokens = reference.encoder(params, "encoder", patches, cells, plain, hidden=hidden)
        chosen = [tokens[b, 1 + np.asarray(row)] for b, row in enumerate(views.visible)]
        tokens = jnp.concatenate([tokens[:, :1], jnp.stack(chosen)], axis=1)
        projected = reference.projector(params, "encoder", tokens, plain)
        queries.append(reference.predictor(params, projected[:, 1:].mean(1)))
    expected += 0.7 * (reference.contrast(queries[0], keys[1], 0.3) + reference.contrast(queries[1], keys[0], 0.3))
    np.testing.assert_allclose(setting.loss(), expected, rtol=1e-10)
    with pytest.raises(ValueError, match="second images"):
        setting.loss(config=plain)


@pytest.mark.parametrize(
    ("options", "constrained"),
    [
        ({"masked_input": "token", "decoder": "linear"}, "projected"),
        ({"objective": "l1", "similarity_tokens": "unprojected", "class_token": False}, "unprojected"),
    ],
)
def test_constraint_and_metrics(options: dict[str, Any], constrained: str) -> None:
    """The constraint adds what it should on the visible cells' tokens, whatever the objective and the decoder."""
    setting = Setting(**options)
    off = configuration(**SMALL | options, similarity_coefficient=0.0)
    online = online_tokens(setting.trained, jnp.asarray(setting.images), setting.views, setting.config)
    predicted = predictions(setting.trained, online.projected, setting.views, setting.config)

    def visible(tokens: Any) -> Any:
        tokens = tokens[:, int(setting.config.class_token) :]
        if "masked_input" not in options:
            return tokens
        return jnp.stack([tokens[b, np.asarray(row)] for b, row in enumerate(setting.views.visible)])

    held = visible(getattr(online, constrained))
    expected = 0.1 * reference.similarity_constraint(predicted, held, GAMMA, "batch")
    np.testing.assert_allclose(setting.loss() - setting.loss(config=off), expected, rtol=1e-8)
    _, logged = reference.loss(setting.trained, setting.averaged, setting.images, setting.views, GAMMA, setting.config)
    seen = visible(online.projected)
    np.testing.assert_allclose(logged["similarity_visible"], reference.pairwise_similarity(seen).mean(), rtol=1e-10)
    np.testing.assert_allclose(logged["effective_rank"], reference.effective_rank(seen.mean(1)), rtol=1e-10)
    np.testing.assert_allclose(
        logged["similarity_predictions"], reference.pairwise_similarity(predicted).mean(), rtol=1e-10
    )
