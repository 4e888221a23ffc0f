"""The reference implementation against closed forms and literal loops in plain NumPy: who checks the checker."""

import math
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from reference_loops import (
    TINY,
    Arrays,
    loop_decoder,
    loop_encoder,
    loop_projector,
    random_parameters,
    random_views,
)

import reference
from reference import Config, Views, configuration

# Parameters


def test_published_names_and_shapes() -> None:
    shapes = reference.parameter_shapes(Config())
    for name, shape in {
        "encoder.cls_token": (1, 1, 768),
        "encoder.embed.proj.weight": (768, 768),
        "encoder.blocks.11.attn.qkv.weight": (2304, 768),
        "encoder.blocks.11.attn.qkv.bias": (2304,),
        "encoder.blocks.0.attn.proj.weight": (768, 768),
        "encoder.blocks.0.norm2.bias": (768,),
        "encoder.blocks.0.mlp.fc1.weight": (3072, 768),
        "encoder.blocks.0.mlp.fc2.weight": (768, 3072),
        "encoder.norm.weight": (768,),
        "encoder.head.linear0.weight": (4096, 768),
        "encoder.head.linear1.weight": (4096, 4096),
        "encoder.head.linear2.weight": (768, 4096),
        "encoder.head.norm1.weight": (4096,),
        "encoder.head.norm2.bias": (768,),
        "target_encoder.head.linear2.weight": (768, 4096),
        "decoder.embed.weight": (512, 768),
        "decoder.cls_token": (1, 1, 512),
        "decoder.mask_token": (1, 1, 512),
        "decoder.blocks.2.norm2kv.weight": (512,),
        "decoder.blocks.2.self_attn.qkv.weight": (1536, 512),
        "decoder.blocks.2.cross_attn.q_proj.weight": (512, 512),
        "decoder.blocks.2.cross_attn.kv_proj.weight": (1024, 512),
        "decoder.blocks.2.cross_attn.proj.bias": (512,),
        "decoder.blocks.2.mlp.fc2.weight": (512, 2048),
        "decoder.head.weight": (768, 512),
    }.items():
        assert shapes[name] == shape
    assert "encoder.head.linear0.bias" not in shapes
    assert not any("pos_embed" in name or "blocks.12." in name for name in shapes)
    assert reference.buffer_shapes(Config())["decoder.pos_embed.pos_embeds"] == (197, 512)

    # ViT-B/16 without positions and classifier, the projector, and the decoder, counted by hand
    sizes = {"encoder": 85_647_360 + 23_086_592, "target_encoder": 85_647_360 + 23_086_592, "decoder": 13_404_928}
    for prefix, size in sizes.items():
        assert sum(math.prod(shape) for name, shape in shapes.items() if name.startswith(f"{prefix}.")) == size


def test_target_projector_only_where_targets_are_projected() -> None:
    heads = {
        kind: {
            name.split(".")[0] for name in reference.parameter_shapes(Config(projector=kind)) if ".head.linear" in name
        }
        for kind in ("both", "online", "none")
    }
    assert heads == {"both": {"encoder", "target_encoder"}, "online": {"encoder"}, "none": set()}


# Positions and patches


@pytest.mark.parametrize("kind", ["linspace", "index"])
@pytest.mark.parametrize("grid", [(2, 3), (3, 1), (1, 4), (14, 14)])
def test_positions_against_a_loop(kind: str, grid: tuple[int, int]) -> None:
    rows, columns = grid
    width = 12
    table = reference.positions(Config(grid=grid), kind, width)
    assert table.shape == (rows * columns + 1, width)
    assert not table[0].any()

    def coordinate(index: int, count: int) -> float:
        return float(index) if kind == "index" else 0.0 if count == 1 else index * count / (count - 1)

    for r, c in product(range(rows), range(columns)):
        x, y = coordinate(c, columns), coordinate(r, rows)
        for k in range(width // 4):
            omega = 10000 ** (-4 * k / width)
            expected = [math.sin(omega * x), math.cos(omega * x), math.sin(omega * y), math.cos(omega * y)]
            actual = [table[1 + r * columns + c, part * width // 4 + k] for part in range(4)]
            np.testing.assert_allclose(actual, expected, atol=1e-14)


@pytest.mark.parametrize("gap", [0, 1, 3])
def test_patches_against_a_loop(gap: int) -> None:
    config = configuration(**{**TINY, "patch_gap": gap})
    rng = np.random.default_rng(0)
    images = rng.normal(size=(3, *config.crop, 2))
    views = random_views(config, 3, rng)
    patches = reference.extract_patches(jnp.asarray(images), views.target, views.offsets, config)
    assert patches.shape == (3, 4, 2 * 2 * 2)
    for b, k in product(range(3), range(4)):
        cell = int(views.target[b, k])
        top = cell // 3 * (2 + gap) + int(views.offsets[b, cell, 0])
        left = cell % 3 * (2 + gap) + int(views.offsets[b, cell, 1])
        expected = [images[b, top + i, left + j, c] for i in range(2) for j in range(2) for c in range(2)]
        np.testing.assert_array_equal(patches[b, k], expected)


# Networks


@pytest.mark.parametrize("preset", ["official", "paper"])
def test_networks_against_loops(preset: str) -> None:
    config = configuration(preset, **TINY)
    rng = np.random.default_rng(1)
    params, _ = random_parameters(config, rng)
    views = random_views(config, 2, rng)
    patches = rng.normal(size=(2, 2, 8))
    tokens = reference.encoder(params, "encoder", jnp.asarray(patches), views.visible, config)
    projected = reference.projector(params, "encoder", tokens, config)
    predictions = reference.decoder(params, projected, views.visible, views.target, config)
    for b in range(2):
        visible, target = np.asarray(views.visible[b]), np.asarray(views.target[b])
        expected = loop_encoder(params, "encoder", patches[b], visible, config)
        np.testing.assert_allclose(tokens[b], expected, atol=1e-12)
        expected = loop_projector(params, "encoder", expected)
        np.testing.assert_allclose(projected[b], expected, atol=1e-12)
        expected = loop_decoder(params, expected, visible, target, config)
        np.testing.assert_allclose(predictions[b], expected, atol=1e-12)


def test_cues_prefer_near_cells() -> None:
    config = Config(grid=(1, 4), decoder_width=4, positions="index", cue_scale="sqrt")
    embedded = jnp.asarray([[[1.0, 0, 0, 0], [0, 1.0, 0, 0]]])
    table = jnp.asarray(reference.positions(config, "index", 4))[1:]
    cues = reference.visual_cues(embedded, table[None, jnp.asarray([0, 3])], table[None, jnp.asarray([1])], config)
    # width 4 has one frequency, 1: pe_t·pe_v = cos(difference of columns) + cos(0)
    near, far = (math.exp((math.cos(distance) + 1) / 2) for distance in (1, 2))
    np.testing.assert_allclose(cues[0, 0, :2], [near / (near + far), far / (near + far)], atol=1e-14)


# Objective


@pytest.mark.parametrize("options", [{}, {"loss_scale": 1.0, "standardize_predictions": False}])
def test_chance(options: dict[str, object]) -> None:
    """Predictions that tell nothing apart cost scale · τ · ln T; 2.068 in the published run."""
    config = Config(**options)
    targets = jnp.asarray(np.random.default_rng(2).normal(size=(2, 176, 8)))
    predictions = jnp.zeros((2, 176, 8))
    expected = config.loss_scale * 0.2 * math.log(176)
    np.testing.assert_allclose(reference.patch_discrimination(predictions, targets, config), expected, rtol=1e-12)
    if not options:
        assert round(expected, 3) == 2.068


@pytest.mark.parametrize(("count", "published"), [(176, 0.305), (5, None)])
def test_floor(count: int, published: float | None) -> None:
    """Perfectly spread targets (a simplex), perfectly predicted: 2τ ln(1 + (T−1) e^(−T/((T−1)τ)))."""
    simplex = jnp.eye(count)[None] - 1 / count
    value = reference.patch_discrimination(simplex * 3, simplex, Config())
    expected = 0.4 * math.log(1 + (count - 1) * math.exp(-count / ((count - 1) * 0.2)))
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    if published is not None:
        assert round(expected, 3) == published


def test_patch_discrimination_against_a_loop() -> None:
    rng = np.random.default_rng(3)
    predictions, targets = rng.normal(size=(2, 3, 5, 4))
    config = Config(temperature=0.3, loss_scale=2.0, standardize_predictions=False)
    losses = []
    for b, k in product(range(3), range(5)):
        cosines = [predictions[b, k] @ z / (np.linalg.norm(predictions[b, k]) * np.linalg.norm(z)) for z in targets[b]]
        losses.append(-math.log(math.exp(cosines[k] / 0.3) / sum(math.exp(c / 0.3) for c in cosines)))
    value = reference.patch_discrimination(jnp.asarray(predictions), jnp.asarray(targets), config)
    np.testing.assert_allclose(value, 0.6 * np.mean(losses), rtol=1e-12)


def test_standardised_predictions() -> None:
    predictions = np.random.default_rng(4).normal(3, 0.01, size=(2, 5, 3))
    expected = (predictions - predictions.mean(1, keepdims=True)) / (predictions.std(1, keepdims=True, ddof=1) + 1e-4)
    np.testing.assert_allclose(reference.standardise(jnp.asarray(predictions)), expected, rtol=1e-10)

    # an offset and a scale shared by all of an image's patches change nothing (but for the 1e-4)
    config = Config(standardize_predictions=True)
    targets = jnp.asarray(np.random.default_rng(5).normal(size=(2, 5, 3)))
    value = reference.patch_discrimination(jnp.asarray(predictions), targets, config)
    moved = reference.patch_discrimination(jnp.asarray(predictions * 7 - 2), targets, config)
    np.testing.assert_allclose(value, moved, rtol=1e-3)


def test_similarity_constraint() -> None:
    """Two images: all tokens alike (similarity 1) and two opposite ones (0)."""
    tokens = jnp.asarray([[[2.0, 0.0], [3.0, 0.0]], [[1.0, 0.0], [-5.0, 0.0]]])
    orthogonal = jnp.broadcast_to(jnp.eye(2), (2, 2, 2))  # ½ each: the diagonal counts
    np.testing.assert_allclose(reference.pairwise_similarity(tokens), [1, 0], atol=1e-15)
    np.testing.assert_allclose(reference.pairwise_similarity(orthogonal), [0.5, 0.5], atol=1e-15)
    batch = reference.similarity_constraint(tokens, orthogonal, 0.2, "batch")
    image = reference.similarity_constraint(tokens, orthogonal, 0.2, "image")
    np.testing.assert_allclose(batch, 0.3**2 + 0.3**2)
    np.testing.assert_allclose(image, (0.8**2 + 0.2**2) / 2 + 0.3**2)


def test_image_metrics() -> None:
    pooled = jnp.asarray([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    np.testing.assert_allclose(reference.image_similarity(pooled), 1 / 3)
    # centred: two directions with singular values 2 and 1, then one direction, then none
    cross = jnp.asarray([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]) + 5
    expected = math.exp(-(2 / 3) * math.log(2 / 3) - (1 / 3) * math.log(1 / 3))
    np.testing.assert_allclose(reference.effective_rank(cross), expected)
    np.testing.assert_allclose(reference.effective_rank(cross[:2]), 1)
    np.testing.assert_allclose(reference.effective_rank(jnp.ones((3, 2))), 1)


# The whole loss


@pytest.mark.parametrize("preset", ["official", "paper"])
def test_loss_against_its_parts(preset: str) -> None:
    config = configuration(preset, **TINY)
    rng = np.random.default_rng(6)
    params, target_params = random_parameters(config, rng)
    views = random_views(config, 3, rng)
    images = rng.normal(size=(3, *config.crop, 2))
    predictions, visible, projected, targets = [], [], [], []
    for b in range(3):
        one = jax.tree.map(lambda x, b=b: x[b : b + 1], views)
        seen, hidden = (
            np.asarray(reference.extract_patches(images[b : b + 1], cells, one.offsets, config))[0]
            for cells in (one.visible, one.target)
        )
        tokens = loop_encoder(params, "encoder", seen, np.asarray(one.visible)[0], config)
        head = loop_projector(params, "encoder", tokens)
        z = loop_encoder(target_params, "target_encoder", hidden, np.asarray(one.target)[0], config)
        visible.append(tokens[1:])
        projected.append(head[1:])
        targets.append((loop_projector(target_params, "target_encoder", z) if preset == "official" else z)[1:])
        cells = np.asarray(one.visible)[0], np.asarray(one.target)[0]
        predictions.append(loop_decoder(params, head, *cells, config))
    z_hat, z_visible, z_projected, z_target = (
        jnp.asarray(np.stack(x)) for x in (predictions, visible, projected, targets)
    )
    constrained = z_projected if preset == "official" else z_visible
    form = "batch" if preset == "official" else "image"
    expected = reference.patch_discrimination(z_hat, z_target, config)
    expected += 0.1 * reference.similarity_constraint(z_hat, constrained, 0.6, form)
    value, logged = reference.loss(params, target_params, images, views, 0.6, config)
    np.testing.assert_allclose(value, expected, rtol=1e-10)
    np.testing.assert_allclose(logged["similarity_predictions"], reference.pairwise_similarity(z_hat).mean())
    np.testing.assert_allclose(logged["similarity_visible"], reference.pairwise_similarity(z_projected).mean())
    np.testing.assert_allclose(logged["similarity_targets"], reference.pairwise_similarity(z_target).mean())
    np.testing.assert_allclose(logged["similarity_images"], reference.image_similarity(z_projected.mean(1)))
    np.testing.assert_allclose(logged["effective_rank"], reference.effective_rank(z_projected.mean(1)))


@pytest.mark.parametrize("preset", ["official", "paper"])
def test_gradients_against_differences(preset: str) -> None:
    config = configuration(preset, **TINY)
    rng = np.random.default_rng(7)
    params, target_params = random_parameters(config, rng)
    views = random_views(config, 3, rng)
    images = rng.normal(size=(3, *config.crop, 2))

    def value(online: Arrays) -> float:
        return float(reference.loss(online, target_params, images, views, 0.6, config)[0])

    grads = reference.gradients(params, target_params, images, views, 0.6, config)
    assert grads.keys() == params.keys()
    for name, parameter in params.items():
        direction = rng.normal(size=parameter.shape)
        up, down = ({**params, name: parameter + sign * 1e-5 * direction} for sign in (1, -1))
        difference = (value(up) - value(down)) / 2e-5
        np.testing.assert_allclose((grads[name] * direction).sum(), difference, rtol=1e-5, atol=1e-8, err_msg=name)


def test_order_within_views_is_irrelevant() -> None:
    config = configuration(**TINY)
    rng = np.random.default_rng(8)
    params, target_params = random_parameters(config, rng)
    views = random_views(config, 2, rng)
    images = rng.normal(size=(2, *config.crop, 2))
    turned = Views(views.visible[:, ::-1], views.target[:, ::-1], views.offsets)
    value, _ = reference.loss(params, target_params, images, views, 0.6, config)
    again, _ = reference.loss(params, target_params, images, turned, 0.6, config)
    np.testing.assert_allclose(value, again, rtol=1e-12)


# Optimisation


def test_adamw_against_a_loop() -> None:
    """Three steps of one number at a time; a matrix decays, a bias, a norm and an embedding do not."""
    rng = np.random.default_rng(9)
    shapes = {"fc.weight": (2, 3), "cls_token": (1, 1, 2), "embed.proj.weight": (2, 2), "norm1.weight": (3,)}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    decayed = {"fc.weight", "cls_token"}
    expected = {name: value.copy() for name, value in params.items()}
    current, state = {name: jnp.asarray(value) for name, value in params.items()}, None
    state = reference.adamw_state(current)
    history = []
    for t, lr in enumerate([0.1, 0.2, 0.05], start=1):
        history.append({name: rng.normal(size=shape) for name, shape in shapes.items()})
        current, state = reference.adamw_step(current, history[-1], state, lr, weight_decay=0.3)
        for name, value in expected.items():
            for i in np.ndindex(value.shape):
                m = sum(0.1 * 0.9 ** (t - 1 - s) * history[s][name][i] for s in range(t)) / (1 - 0.9**t)
                v = sum(0.05 * 0.95 ** (t - 1 - s) * history[s][name][i] ** 2 for s in range(t)) / (1 - 0.95**t)
                value[i] -= lr * 0.3 * value[i] if name in decayed else 0
                value[i] -= lr * m / (math.sqrt(v) + 1e-8)
    for name, value in expected.items():
        np.testing.assert_allclose(current[name], value, rtol=1e-12, err_msg=name)


def test_decay_by_name_and_dimensions() -> None:
    config = Config(depth=1, decoder_depth=1)
    shapes = reference.parameter_shapes(config).items()
    decayed = {
        name for name, shape in shapes if reference.is_trained(name, config) and reference.decays(name, len(shape))
    }
    assert decayed == {
        "encoder.cls_token",
        *(f"encoder.blocks.0.{name}.weight" for name in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")),
        *(f"encoder.head.linear{i}.weight" for i in range(3)),
        "decoder.cls_token",
        "decoder.mask_token",
        *(f"decoder.blocks.0.self_attn.{name}.weight" for name in ("qkv", "proj")),
        *(f"decoder.blocks.0.cross_attn.{name}.weight" for name in ("q_proj", "kv_proj", "proj")),
        *(f"decoder.blocks.0.mlp.{name}.weight" for name in ("fc1", "fc2")),
        "decoder.head.weight",
    }


def test_target_average_by_name() -> None:
    online = {
        "encoder.a": jnp.asarray([1.0, 2.0]),
        "encoder.head.b": jnp.asarray([5.0]),
        "decoder.a": jnp.asarray([9.0]),
    }
    target = reference.update_target({"target_encoder.a": jnp.asarray([3.0, 0.0])}, online, 0.75)
    assert target.keys() == {"target_encoder.a"}
    np.testing.assert_allclose(target["target_encoder.a"], [2.5, 0.5])


def test_schedule() -> None:
    training = reference.Training(peak_lr=2.0, warmup=0.2)
    assert reference.schedule(training, 0) == pytest.approx((0.5, 0.99, 0.75))
    assert reference.schedule(training, 0.1)[0] == pytest.approx(1.25)
    assert reference.schedule(training, 0.2)[0] == pytest.approx(2)
    assert reference.schedule(training, 0.6)[0] == pytest.approx(1.25)
    assert reference.schedule(training, 0.5)[1:] == pytest.approx((0.995, 0.5))
    assert reference.schedule(training, 1) == pytest.approx((0.5, 1, 0.25))
    paper = reference.Training(peak_lr=2.0, warmup=0.2, final_fraction=0.0)
    assert [reference.schedule(paper, p)[0] for p in (0, 0.1, 0.2, 1)] == pytest.approx([0, 1, 2, 0])
