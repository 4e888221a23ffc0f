"""The parts of the reference that options choose, against closed forms and literal loops in plain NumPy."""

import math
from itertools import product
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from reference_loops import (
    TINY,
    loop_blocks,
    loop_decoder,
    loop_linear,
    loop_norm,
    loop_plain_norm,
    loop_projector,
    random_parameters,
    random_views,
)
from scipy import ndimage, special

import reference
from reference import Config, Targets, Views, configuration
from reference.layers import batch_norm
from reference.loss import online_tokens, predictions
from reference.objectives import objective

# Names, shapes, presets


def names(**options: Any) -> set[str]:
    return set(reference.parameter_shapes(configuration(**{**TINY, **options})))


def test_a_part_holds_what_it_uses() -> None:
    whole = names()
    target = {name for name in whole if name.startswith("target_encoder.")}
    for changed in ({"target_encoder": "siamese"}, {"target_encoder": "joint"}, {"target_depth": 0}):
        assert names(**changed) == whole - target
    assert names(target_encoder="independent") == whole
    second = {name for name in target if ".blocks.1." in name}
    assert len(second) == 12
    assert names(target_depth=1) == whole - second
    ending = {name for name in target if name.startswith("target_encoder.head.")}
    assert len(ending) == 3 + 6
    assert names(target_layers=1) == whole - ending

    assert names(masked_input="token") == whole | {"encoder.mask_token"}
    assert names(class_token=False) == whole - {
        f"{part}.cls_token" for part in ("encoder", "target_encoder", "decoder")
    }
    tables = {f"{part}.pos_embed.pos_embeds" for part in ("encoder", "target_encoder", "decoder")}
    assert names(learn_positions=True) == whole | tables
    assert reference.buffer_shapes(configuration(**TINY)).keys() == tables
    assert reference.buffer_shapes(configuration(**TINY, learn_positions=True)) == {}

    rest = {name for name in whole if not name.startswith("decoder.")}
    assert names(decoder="linear", masked_input="token") - rest == {
        "encoder.mask_token",
        "decoder.head.weight",
        "decoder.head.bias",
    }
    assert {name for name in names(decoder="self_attention", decoder_depth=1) - rest if "blocks" not in name} == {
        "decoder.mask_token",
        *(f"decoder.{name}.{kind}" for name in ("embed", "norm", "head") for kind in ("weight", "bias")),
    }
    assert {name for name in names(decoder="self_attention", decoder_depth=1) if name.startswith("decoder.blocks")} == {
        f"decoder.blocks.0.{name}.{kind}"
        for name in ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
        for kind in ("weight", "bias")
    }
    shapes = reference.parameter_shapes(configuration(**TINY, contrast_coefficient=0.1))
    assert {name: shapes[name] for name in shapes.keys() - whole} == {
        "predictor.linear0.weight": (10, 8),
        "predictor.norm0.weight": (10,),
        "predictor.norm0.bias": (10,),
        "predictor.linear1.weight": (8, 10),
    }


def test_what_is_trained() -> None:
    for kind, trained in (("momentum", False), ("independent", True)):
        assert reference.is_trained("target_encoder.norm.bias", Config(target_encoder=kind)) == trained
    assert reference.is_trained("predictor.linear0.weight", Config())


def test_learned_positions_do_not_decay() -> None:
    assert not reference.decays("encoder.pos_embed.pos_embeds", 2)
    assert reference.decays("encoder.mask_token", 3)


@pytest.mark.parametrize(
    ("preset", "head", "visible"),
    [
        ("mae", (768, 512), 196 * 0.25),
        ("simmim", (768, 768), 4 * (49 - 30)),
        ("maskfeat", (108, 768), 118),
        ("data2vec", (768, 768), 196 - 120),
        ("conmim", (768, 768), 4 * (49 - 37)),
        ("ijepa", (768, 384), None),
    ],
)
def test_baselines(preset: str, head: tuple[int, int], visible: int | None) -> None:
    config = configuration(preset)
    shapes = reference.parameter_shapes(config)
    assert shapes["decoder.head.weight"] == head
    assert visible is None or config.num_visible == visible
    assert not any(".head.linear" in name for name in shapes)
    assert any(name.startswith("target_encoder.") for name in shapes) == (preset in ("data2vec", "conmim", "ijepa"))
    assert config.crop == (224, 224)
    assert not config.visual_cues


def test_what_follows_from_options() -> None:
    assert configuration().objective == "patch_discrimination"
    assert configuration(target_depth=0).objective == "normalized_mse"
    assert configuration(target_depth=0, objective="l1").objective == "l1"
    assert configuration().visual_cues
    assert not configuration(decoder="self_attention").visual_cues
    assert configuration("mae", decoder="cross_attention").visual_cues


def test_fixed_crop() -> None:
    config = Config(crop_rule="fixed", patch_gap=4)
    assert (config.crop, config.training_grid) == ((224, 224), (11, 11))  # 224 / 20 = 11.2
    assert reference.positions(config, "linspace", 8).shape == (122, 8)
    assert (Config().crop, Config().training_grid) == ((280, 280), (14, 14))
    assert Config(crop_rule="fixed", patch_gap=0).training_grid == (14, 14)

    config = configuration(**TINY | {"grid": (3, 5)}, crop_rule="fixed")  # 6×10 pixels: 2×3 cells of 3×3
    rng = np.random.default_rng(0)
    views = random_views(config, 2, rng)
    images = rng.normal(size=(2, 6, 10, 2))
    patches = reference.extract_patches(jnp.asarray(images), views.target, views.offsets, config)
    for b, k in product(range(2), range(4)):
        row, column = divmod(int(views.target[b, k]), 3)
        top, left = np.array([3 * row, 3 * column]) + np.asarray(views.offsets)[b, 3 * row + column]
        np.testing.assert_array_equal(patches[b, k], images[b, top : top + 2, left : left + 2].ravel())


# Histograms of gradients


@pytest.mark.parametrize("degrees", [3, 33, 95, 170, 215, 350])
def test_hog_of_a_ramp(degrees: float) -> None:
    """A ramp has one direction; within the crop all votes are in its bin, opposite directions in the same."""
    config = Config(grid=(3, 3), patch_size=8, patch_gap=0, channels=1)
    y, x = np.mgrid[:24, :24]
    angle = math.radians(degrees)
    images = (math.sin(angle) * x + math.cos(angle) * y)[None, :, :, None]
    described = reference.hog(jnp.asarray(images), jnp.asarray([[4]]), jnp.zeros((1, 9, 2), int), config)
    np.testing.assert_allclose(described[0, 0], np.eye(9)[int(degrees % 180 // 20)], atol=1e-12)


@pytest.mark.parametrize("gap", [0, 3])
def test_hog_against_a_loop(gap: int) -> None:
    config = Config(grid=(2, 2), patch_size=16, patch_gap=gap, channels=2, num_visible=1)
    rng = np.random.default_rng(1)
    images = rng.normal(size=(2, *config.crop, 2))
    views = random_views(config, 2, rng)
    described = reference.hog(jnp.asarray(images), views.target, views.offsets, config)
    assert described.shape == (2, 3, 2 * 9 * 4)
    stride = 16 + gap
    for b, k, c in product(range(2), range(3), range(2)):
        gx, gy = (ndimage.correlate1d(images[b, :, :, c], [-1, 0, 1], axis=axis, mode="mirror") for axis in (1, 0))
        cell = int(views.target[b, k])
        top = cell // 2 * stride + int(views.offsets[b, cell, 0])
        left = cell % 2 * stride + int(views.offsets[b, cell, 1])
        for row, column in product(range(2), range(2)):
            votes = np.zeros(9)
            for i, j in product(range(8), range(8)):
                at = top + 8 * row + i, left + 8 * column + j
                direction = math.degrees(math.atan2(gx[at], gy[at])) % 180
                votes[int(direction // 20) % 9] += math.hypot(gx[at], gy[at])
            votes /= np.linalg.norm(votes)
            actual = np.asarray(described)[b, k].reshape(2, 9, 2, 2)[c, :, row, column]
            np.testing.assert_allclose(actual, votes, rtol=1e-12)


def test_hog_of_nothing() -> None:
    config = Config(grid=(1, 1), patch_size=8, patch_gap=0, channels=1)
    described = reference.hog(jnp.ones((1, 8, 8, 1)), jnp.asarray([[0]]), jnp.zeros((1, 1, 2), int), config)
    assert not described.any()


# Networks


def setting(**options: Any) -> tuple[Config, dict[str, np.ndarray], Views, np.ndarray, np.ndarray]:
    """A tiny configuration, all its parameters, views and images of two images, and the rows [L+1, C] of positions."""
    config = configuration(**{**TINY, **options})
    rng = np.random.default_rng(2)
    trained, averaged = random_parameters(config, rng)
    images = rng.normal(size=(2, *config.crop, config.channels))
    views = random_views(config, 2, rng)
    return config, trained | averaged, views, images, reference.positions(config, config.positions, config.width)


def embedded_patches(params: dict[str, np.ndarray], prefix: str, views: Views, images: np.ndarray, config: Config):
    """Embedded patches of all cells of every image, without positions."""
    cells = jnp.broadcast_to(jnp.arange(6), (2, 6))
    patches = np.asarray(reference.extract_patches(jnp.asarray(images), cells, views.offsets, config))
    return np.stack([loop_linear(params, f"{prefix}.embed.proj", x) for x in patches])


@pytest.mark.parametrize("class_token", [True, False])
def test_mask_tokens_against_a_loop(class_token: bool) -> None:
    config, params, views, images, table = setting(masked_input="token", class_token=class_token)
    online = online_tokens(params, jnp.asarray(images), views, config)
    embedded = embedded_patches(params, "encoder", views, images, config)
    for b in range(2):
        rows = [params["encoder.cls_token"][0, 0]] if class_token else []
        for cell in range(6):
            hidden = cell in np.asarray(views.target[b])
            rows.append((params["encoder.mask_token"][0, 0] if hidden else embedded[b, cell]) + table[1 + cell])
        expected = loop_norm(params, "encoder.norm", loop_blocks(params, "encoder", np.stack(rows), 2, 2)[-1])
        np.testing.assert_allclose(online.unprojected[b], expected, atol=1e-12)
        np.testing.assert_allclose(online.projected[b], loop_projector(params, "encoder", expected), atol=1e-12)


def decoder_rows(tokens: np.ndarray, params: dict[str, np.ndarray], config: Config):
    """Embedded tokens [·,D] of one image, and positions."""
    return loop_linear(params, "decoder.embed", tokens), reference.positions(config, config.positions, 12)


@pytest.mark.parametrize("class_token", [True, False])
@pytest.mark.parametrize("masked_input", ["removed", "token"])
def test_self_attention_decoder_against_a_loop(class_token: bool, masked_input: str) -> None:
    config, params, views, images, _ = setting(
        decoder="self_attention", class_token=class_token, masked_input=masked_input
    )
    online = online_tokens(params, jnp.asarray(images), views, config)
    predicted = predictions(params, online.projected, views, config)
    skip = int(class_token)
    for b in range(2):
        e, table = decoder_rows(np.asarray(online.projected[b]), params, config)
        visible, target = np.asarray(views.visible[b]), np.asarray(views.target[b])
        rows = list(e[:skip])
        rows += [e[skip + (i if masked_input == "removed" else v)] + table[1 + v] for i, v in enumerate(visible)]
        rows += [params["decoder.mask_token"][0, 0] + table[1 + t] for t in target]
        x = loop_blocks(params, "decoder", np.stack(rows), 2, 3)[-1]
        expected = loop_linear(params, "decoder.head", loop_norm(params, "decoder.norm", x))[-4:]
        np.testing.assert_allclose(predicted[b], expected, atol=1e-12)


def test_linear_decoder_against_a_loop() -> None:
    config, params, views, images, _ = setting(decoder="linear", masked_input="token")
    online = online_tokens(params, jnp.asarray(images), views, config)
    predicted = predictions(params, online.projected, views, config)
    for b, k in product(range(2), range(4)):
        row = np.asarray(online.projected)[b, 1 + int(views.target[b, k])]
        expected = params["decoder.head.weight"] @ row + params["decoder.head.bias"]
        np.testing.assert_allclose(predicted[b, k], expected, atol=1e-12)


def test_no_cues() -> None:
    """Cues of embedded tokens that are all zero are none: the memory is then the positions alone."""
    config, params, views, images, _ = setting(visual_cues=False)
    with_cues = configuration(**TINY)
    silent = {**params, "decoder.embed.weight": np.zeros((12, 8)), "decoder.embed.bias": np.zeros(12)}
    online = online_tokens(params, jnp.asarray(images), views, config)
    for b in range(2):
        cells = np.asarray(views.visible[b]), np.asarray(views.target[b])
        expected = loop_decoder(silent, np.asarray(online.projected[b]), *cells, with_cues)
        actual = predictions(silent, online.projected, views, config)[b]
        np.testing.assert_allclose(actual, expected, atol=1e-12)
    different = predictions(params, online.projected, views, config)
    assert np.abs(different - predictions(params, online.projected, views, with_cues)).max() > 1e-3


def test_no_class_token_in_cross_attention() -> None:
    """Without cues, a decoder of one block and one target: its own row attends to itself, then to the memory."""
    config, params, views, _, _ = setting(class_token=False, visual_cues=False, decoder_depth=1, decoder_heads=1)
    tokens = np.random.default_rng(3).normal(size=(2, 2, 8))
    actual = reference.decoder(params, jnp.asarray(tokens), views.visible, views.target[:, :1], config)
    block = "decoder.blocks.0"
    for b in range(2):
        e, table = decoder_rows(tokens[b], params, config)
        memory = e + table[1 + np.asarray(views.visible[b])]
        x = params["decoder.mask_token"][0] + table[1 + int(views.target[b, 0])]
        value = loop_linear(params, f"{block}.self_attn.qkv", loop_norm(params, f"{block}.norm1", x))[:, 24:]
        x = x + loop_linear(params, f"{block}.self_attn.proj", value)
        q = loop_linear(params, f"{block}.cross_attn.q_proj", loop_norm(params, f"{block}.norm2q", x))[0]
        kv = loop_linear(params, f"{block}.cross_attn.kv_proj", loop_norm(params, f"{block}.norm2kv", memory))
        weights = special.softmax(kv[:, :12] @ q / math.sqrt(12))
        x = x + loop_linear(params, f"{block}.cross_attn.proj", (weights @ kv[:, 12:])[None])
        hidden = loop_linear(params, f"{block}.mlp.fc1", loop_norm(params, f"{block}.norm3", x))
        x = x + loop_linear(params, f"{block}.mlp.fc2", hidden * special.ndtr(hidden))
        expected = loop_linear(params, "decoder.head", loop_norm(params, "decoder.norm", x))
        np.testing.assert_allclose(actual[b], expected, atol=1e-12)


def test_predictor_against_a_loop() -> None:
    config = configuration(**TINY, contrast_coefficient=1.0)
    params, _ = random_parameters(config, np.random.default_rng(4))
    x = np.random.default_rng(5).normal(size=(3, 8))
    hidden = x @ params["predictor.linear0.weight"].T
    hidden = (hidden - hidden.mean(0)) / np.sqrt(hidden.var(0) + 1e-5)
    hidden = np.maximum(hidden * params["predictor.norm0.weight"] + params["predictor.norm0.bias"], 0)
    out = hidden @ params["predictor.linear1.weight"].T
    expected = (out - out.mean(0)) / np.sqrt(out.var(0) + 1e-5)
    np.testing.assert_allclose(reference.predictor(params, jnp.asarray(x)), expected, atol=1e-10)
    # two numbers a apart, each a/2 from their mean
    np.testing.assert_allclose(batch_norm(jnp.asarray([[1.0], [1.02]]))[1, 0], 0.01 / math.sqrt(1e-4 + 1e-5))


# Targets


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"target_sees": "all"},
        {"target_depth": 1},
        {"target_depth": 1, "projector": "online", "target_encoder": "siamese"},
        {"target_norm": "layer"},
        {"target_layers": 2},
        {"target_layers": 1},
        {"target_layers": 1, "target_depth": 1, "target_sees": "all", "negatives": "all"},
        {"class_token": False, "target_sees": "all", "negatives": "all", "target_norm": "layer"},
    ],
    ids=str,
)
def test_targets_against_a_loop(options: dict[str, Any]) -> None:
    config, params, views, images, table = setting(**options)
    found = reference.targets(params, jnp.asarray(images), views, config)
    prefix = "encoder" if config.target_encoder == "siamese" else "target_encoder"
    embedded = embedded_patches(params, prefix, views, images, config)
    skip, sees_all = int(config.class_token), config.target_sees == "all"
    for b in range(2):
        target = np.asarray(views.target[b])
        cells = range(6) if sees_all else target
        rows = [params[f"{prefix}.cls_token"][0, 0]] if config.class_token else []
        x = np.stack([*rows, *(embedded[b, cell] + table[1 + cell] for cell in cells)])
        outputs = loop_blocks(params, prefix, x, options.get("target_depth", 2), 2)
        if config.target_layers:
            latents = loop_plain_norm(np.mean([loop_plain_norm(x) for x in outputs[-config.target_layers :]], axis=0))
        else:
            latents = loop_norm(params, f"{prefix}.norm", outputs[-1])
            if config.projector == "both":
                latents = loop_projector(params, prefix, latents)
        latents = latents[skip:]
        if config.target_norm == "layer":
            latents = loop_plain_norm(latents)
        own = latents[target] if sees_all else latents
        np.testing.assert_allclose(found.own[b], own, atol=1e-12)
        np.testing.assert_allclose(found.keys[b], latents if config.negatives == "all" else own, atol=1e-12)
        np.testing.assert_allclose(found.keys[b][found.index[b]], own, atol=1e-12)


def test_low_level_targets() -> None:
    config, params, views, images, _ = setting(target_depth=0)
    found = reference.targets(params, jnp.asarray(images), views, config)
    cells = jnp.broadcast_to(jnp.arange(6), (2, 6))
    patches = reference.extract_patches(jnp.asarray(images), cells, views.offsets, config)
    for b, k in product(range(2), range(4)):
        np.testing.assert_array_equal(found.own[b, k], patches[b, int(views.target[b, k])])
    with pytest.raises(ValueError, match="target_sees"):
        reference.targets(params, jnp.asarray(images), views, configuration(**TINY, target_depth=0, negatives="all"))


# Objectives


def loop_objective(name: str, d: np.ndarray, delta: float) -> float:
    """The mean over images and patches of a patch's loss, d [B,T,O] being the difference."""
    losses = []
    for patch in d.reshape(-1, d.shape[-1]):
        if name == "mse":
            losses.append(np.mean(patch**2))
        elif name == "l1":
            losses.append(np.mean(np.abs(patch)))
        elif name == "huber":
            losses.append(np.mean(special.huber(delta, patch)))
        elif name == "smooth_l1":
            losses.append(np.mean(special.huber(delta, patch)) / delta)
        elif name == "huber_vector":
            near = np.linalg.norm(patch) < delta
            losses.append(patch @ patch / 2 if near else delta * (np.abs(patch).sum() - delta / 2))
    return float(np.mean(losses))


@pytest.mark.parametrize("name", ["mse", "l1", "huber", "smooth_l1", "huber_vector", "normalized_mse"])
@pytest.mark.parametrize("delta", [0.6, 2.0])
def test_direct_objectives_against_loops(name: str, delta: float) -> None:
    rng = np.random.default_rng(6)
    predicted, wanted = rng.normal(size=(2, 3, 5, 4))
    predicted[:, :2] = wanted[:, :2] + 0.1 * predicted[:, :2]  # near and far
    config = Config(objective=name, huber_delta=delta)
    found = Targets(jnp.asarray(wanted), jnp.asarray(wanted), jnp.broadcast_to(jnp.arange(5), (3, 5)))
    if name == "normalized_mse":
        wanted = np.stack([[(z - z.mean()) / math.sqrt(z.var(ddof=1) + 1e-6) for z in image] for image in wanted])
    expected = loop_objective("mse" if name == "normalized_mse" else name, predicted - wanted, delta)
    np.testing.assert_allclose(objective(jnp.asarray(predicted), found, config), expected, rtol=1e-12)


@pytest.mark.parametrize("threshold", [1.0, 0.3, -1.0])
@pytest.mark.parametrize("all_keys", [True, False])
def test_negatives_against_a_loop(threshold: float, all_keys: bool) -> None:
    rng = np.random.default_rng(7)
    predicted, latents = rng.normal(size=(3, 4, 3)), rng.normal(size=(3, 6, 3))
    index = np.stack([rng.permutation(6)[:4] for _ in range(3)])
    config = Config(standardize_predictions=False, false_negative_threshold=threshold)

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))

    losses = []
    for b, k in product(range(3), range(4)):
        own = latents[b, index[b, k]]
        total = 0.0
        for key in range(6) if all_keys else index[b]:
            alike = threshold < 1 and cosine(own, latents[b, key]) > threshold
            if key == index[b, k] or not alike:
                total += math.exp(cosine(predicted[b, k], latents[b, key]) / 0.2)
        losses.append(math.log(total) - cosine(predicted[b, k], own) / 0.2)
    wanted = jnp.asarray(np.take_along_axis(latents, index[:, :, None], axis=1))
    keys = (jnp.asarray(latents), jnp.asarray(index)) if all_keys else (None, None)
    value = reference.patch_discrimination(jnp.asarray(predicted), wanted, config, *keys)
    np.testing.assert_allclose(value, 0.4 * np.mean(losses), rtol=1e-12, atol=1e-14)


def test_contrast() -> None:
    """Queries that tell nothing apart cost 2τ ln B; a loop for the rest."""
    rng = np.random.default_rng(8)
    queries, keys = rng.normal(size=(2, 5, 3))
    np.testing.assert_allclose(
        reference.contrast(jnp.zeros((5, 3)), jnp.asarray(keys), 0.2), 0.4 * math.log(5), rtol=1e-12
    )
    q, k = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, keys))
    expected = np.mean([special.logsumexp(q[i] @ k.T / 0.3) - q[i] @ k[i] / 0.3 for i in range(5)]) * 0.6
    np.testing.assert_allclose(reference.contrast(jnp.asarray(queries), jnp.asarray(keys), 0.3), expected, rtol=1e-12)
