"""Features in depth: layers, queries, keys and values, attention, overlapping patches, and the grids they say."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pretrained
import pytest
from conftest import SMALL, pixels
from pretrained import CASES, DEPTH, GRID, HEADS, PATCH, forward
from test_pretrained_encoders import FIXTURES, SIZE, TOLERANCE, as_ours, close, load

import latentmim as lm

PARTS = ("queries", "keys", "values")
PRECISIONS = lm.runtime.precisions()


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[pretrained.Weights, dict[str, Any]]:
    return CASES[request.param][0](np.random.default_rng(len(request.param)))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_layers_of_one_pass_are_those_of_each(model: lm.LatentMIM, precision: Any) -> None:
    """Bit for bit, in any order, from arrays and from data sets."""
    encoder, images = model.encoder, pixels(19, 32, 40)
    data = lm.Arrays(pixels(5, 40, 60)).subset(range(5))
    for part, layers in (("tokens", [2, 0, 1, -1]), ("keys", [2, 1]), ("values", (-2, -1, -2)), ("tokens", [1])):
        for source in (images, images[3], data):
            options: Any = {"part": part, "precision": precision, "class_token": True}
            found = encoder.features(source, layer=layers, **options)
            alone = np.stack([encoder.features(source, layer=layer, **options) for layer in layers])
            assert np.array_equal(found, alone)
            del options["class_token"]
            pooled = encoder.pool(source, "max", layer=layers, **options)
            assert np.array_equal(pooled, np.stack([encoder.pool(source, "max", layer=i, **options) for i in layers]))
    plain = encoder.features(images, layer=[1, 2], norm=False, precision=precision)
    assert np.array_equal(plain[0], encoder.features(images, layer=1, norm=False, precision=precision))
    assert not np.array_equal(plain[1], encoder.features(images, precision=precision))
    projected = encoder.features(images[:2], layer=[0, 2], projector=True, precision=precision)
    assert np.array_equal(projected[1], encoder.features(images[:2], projector=True, precision=precision))


def test_layers_of_data_sets_lie_side_by_side(model: lm.LatentMIM, tmp_path: Path) -> None:
    data = pixels(5, 40, 60)

    def one(**given: Any) -> np.ndarray:
        return lm.evaluate.features(model.encoder, data, progress=False, **given)

    both = one(layer=[1, -1])
    assert both.shape == (5, 96)
    assert np.array_equal(both, np.concatenate([one(layer=1), one(layer=2)], 1))
    dense = one(layer=[1, 2], pooling="patches", part="keys", out=tmp_path / "keys.npy")
    assert dense.shape == (5, 2, 20, 48)
    assert np.array_equal(dense[:, 1], one(layer=2, pooling="patches", part="keys"))
    assert one(layer=[1], pooling="tokens").shape == (5, 1, 21, 48)
    data_set = lm.Arrays(data, [0, 1, 0, 1, 1])
    tap = lm.evaluate.nearest_neighbor(model.encoder, data_set, layer=[1, 2], part="values", stride=4, progress=False)
    assert tap.tap == "blocks 1 + 2, values, mean, stride 4"
    with pytest.raises(ValueError, match="another layer's or stride's"):
        lm.evaluate.fine_tune(model.encoder, data_set, data_set, stride=4, progress=False)


@pytest.mark.parametrize("grid", [(GRID, GRID), (6, 3)])
def test_queries_keys_values_and_attention(case: Any, grid: tuple[int, int]) -> None:
    weights, checkpoint = case
    encoder = load(checkpoint, interpolation="antialiased")
    images = pixels(3, grid[0] * PATCH, grid[1] * PATCH)
    inside: list[pretrained.Attention] = []
    forward(weights, images, inside=inside)
    for block, seen in enumerate(inside, 1):
        for part in PARTS:
            wanted = as_ours(encoder, getattr(seen, part), grid[0] * grid[1])
            close(encoder.features(images, layer=block, part=part, class_token=encoder.has_class_token), wanted)
            close(encoder.pool(images, layer=block, part=part), wanted[:, int(encoder.has_class_token) :].mean(1))
        found = encoder.attention(images, layer=block)
        # Weights are at most 1; scores, of which they are exponentials, are sums of C/heads products of sums of C.
        assert found.shape == seen.weights.shape
        assert np.abs(found - seen.weights).max() < 1e-5
        assert np.abs(found.sum(-1) - 1).max() < 1e-6
    assert encoder.leading_tokens + grid[0] * grid[1] == found.shape[-1]
    assert np.array_equal(found, encoder.attention(images))
    some = [found.shape[-1] - 1, 0, 3, 3]
    # Products of fewer rows may be rounded otherwise.
    assert np.abs(encoder.attention(images, queries=some) - found[:, :, some]).max() < 1e-6
    first = encoder.attention(images[1], queries=0)
    assert first.shape == (HEADS, found.shape[-1])
    assert np.abs(first - found[1, :, 0]).max() < 1e-6


@pytest.mark.parametrize("precision", PRECISIONS)
def test_attention_is_what_the_block_computes(precision: Any) -> None:
    """Many patches, whose scores are computed in blocks: weights times values, projected, is the block's step."""
    weights = pretrained.plain(np.random.default_rng(0), position_rows=1)
    encoder, images = load(weights), pixels(2, 40 * PATCH, 41 * PATCH)
    inside: list[pretrained.Attention] = []
    forward(weights, images, inside=inside)
    found = encoder.attention(images, precision=precision)
    error = np.abs(found - inside[-1].weights)
    assert error.max() < (1e-5 if precision == "float32" else 2e-2)
    threads = lm.thread_count()
    try:
        lm.set_thread_count(1)
        assert np.array_equal(found, encoder.attention(images, precision=precision))
    finally:
        lm.set_thread_count(threads)


@pytest.mark.parametrize("name", ["vit", "beit"])
def test_agrees_with_timm(name: str) -> None:
    """What timm computed, seen by hooks: `fixtures/make_pretrained_attention.py`."""
    stored, seen = np.load(FIXTURES / "pretrained_encoders.npz"), np.load(FIXTURES / "pretrained_attention.npz")
    start = f"{name}/weights/"
    encoder = load({key.removeprefix(start): stored[key] for key in stored.files if key.startswith(start)})
    images = stored[f"{name}/images/4x4"]
    for block in (1, 2):
        for part in PARTS:
            wanted = as_ours(encoder, seen[f"{name}/{part}/{block}"], 16)
            found = encoder.features(images, layer=block, part=part, class_token=True)
            assert np.abs(found - wanted).max() <= 2 * TOLERANCE * np.abs(wanted).max()
        assert np.abs(encoder.attention(images, layer=block) - seen[f"{name}/attention/{block}"]).max() < 2e-5


def test_overlapping_patches_agree_with_pytorch() -> None:
    """timm's network, its convolution's stride changed and positions interpolated, as dino-vit-features does."""
    stored, seen = np.load(FIXTURES / "pretrained_encoders.npz"), np.load(FIXTURES / "pretrained_attention.npz")
    weights = {key.removeprefix("vit/weights/"): stored[key] for key in stored.files if "vit/weights/" in key}
    encoder = load(weights, interpolation="bicubic")
    for key in (key for key in seen.files if key.startswith("stride/")):
        stride, images, wanted = int(key.split("/")[1]), seen["images"], seen[key]
        found = encoder.features(images, stride=stride, class_token=True)
        rows, columns = encoder.grid(images, stride=stride)
        wanted = as_ours(encoder, wanted, rows * columns)
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() <= 4 * TOLERANCE * np.abs(wanted).max()


@pytest.mark.parametrize("interpolation", ["antialiased", "bicubic"])
@pytest.mark.parametrize(("stride", "size"), [(2, (16, 16)), (1, (9, 14)), (3, (13, 22)), (4, (8, 20))])
def test_overlapping_patches(case: Any, stride: int, size: tuple[int, int], interpolation: str) -> None:
    weights, checkpoint = case
    encoder, images = load(checkpoint, interpolation=interpolation), pixels(2, *size)
    if any("relative_position_bias_table" in name for name in weights) and stride < PATCH:
        for call in (encoder.features, encoder.grid, encoder.attention):
            with pytest.raises(ValueError, match=f"stride is {stride}.*relative position bias.*wanted 4"):
                call(images, stride=stride)  # type: ignore[operator]
        return
    inside: list[pretrained.Attention] = []
    tokens = forward(weights, images, interpolation=interpolation, stride=stride, inside=inside)
    rows, columns = ((side - PATCH) // stride + 1 for side in size)
    assert encoder.grid(images, stride=stride) == (rows, columns)
    wanted, first = as_ours(encoder, tokens[-1], rows * columns), int(encoder.has_class_token)
    close(encoder.features(images, stride=stride, class_token=encoder.has_class_token), wanted)
    close(
        encoder.pool(images, stride=stride, norm=False), as_ours(encoder, tokens[-2], rows * columns)[:, first:].mean(1)
    )
    keys = as_ours(encoder, inside[0].keys, rows * columns)
    close(encoder.features(images, layer=1, part="keys", stride=stride, class_token=encoder.has_class_token), keys)
    assert np.abs(encoder.attention(images, stride=stride) - inside[-1].weights).max() < 2e-5


@pytest.mark.parametrize("learned", [False, True])
def test_overlapping_patches_of_this_projects_encoders(learned: bool) -> None:
    """Positions of the denser grid span what those of the trained one do."""
    model = lm.LatentMIM(**SMALL, learn_positions=True) if learned else lm.LatentMIM(**SMALL)
    encoder, images = model.encoder, pixels(2, 32, 40)
    parameters = model.parameters()
    found = encoder.features(images, layer=0, norm=False, stride=4)
    rows, columns = encoder.grid(images, stride=4)
    assert (rows, columns) == (7, 9)
    cut = np.lib.stride_tricks.sliding_window_view(
        (images / 255.0 - encoder.config.mean) / encoder.config.std, (8, 8), axis=(1, 2)
    )[:, ::4, ::4]
    flat = cut.transpose(0, 1, 2, 4, 5, 3).reshape(2, rows * columns, -1)
    embedded = flat @ parameters["encoder.embed.proj.weight"].T.astype(float) + parameters["encoder.embed.proj.bias"]
    table = found - embedded
    assert np.abs(table[0] - table[1]).max() < 1e-4
    whole = encoder.features(np.zeros((32, 40, 3), np.uint8), layer=0, norm=False)
    black = encoder.features(np.zeros((32, 40, 3), np.uint8), layer=0, norm=False, stride=4)
    corners = (0, columns - 1, rows * columns - columns, rows * columns - 1)
    if not learned:
        assert np.abs(black[list(corners)] - whole[[0, 4, 15, 19]]).max() < 1e-5
        ys, xs = np.divmod(np.arange(rows * columns), columns)
        frequency = 10000.0 ** (-4 * np.arange(12) / 48)
        across, down = np.outer(xs * 5 / 8, frequency), np.outer(ys * 4 / 6, frequency)
        wanted = np.concatenate([np.sin(across), np.cos(across), np.sin(down), np.cos(down)], 1)
        assert np.abs(table[0] - wanted).max() < 1e-4
    with pytest.raises(ValueError, match="cannot be extended where patches overlap"):
        encoder.features(images, stride=4, extend_positions=True)


def sizes_of(encoder: lm.Encoder, size: tuple[int, int], stride: int | None) -> Any:
    """What computing says: the number of patches, or the message."""
    try:
        found = encoder.features(np.zeros((*size, 3), np.uint8), layer=0, norm=False, stride=stride)
    except ValueError as error:
        return str(error)
    return len(found)


@pytest.mark.parametrize("patch", [1, 3, 4, 14])
def test_grids_say_what_is_computed(patch: int) -> None:
    """For every size and stride: of arrays, of shapes, of pictures brought to a size."""
    encoder = lm.LatentMIM(**SMALL | {"patch_size": patch, "patch_gap": 0, "depth": 1}).encoder
    sides = sorted({1, patch - 1, patch, patch + 1, 2 * patch - 1, 2 * patch, 3 * patch + 1, 30} - {0})
    for size in itertools.product(sides, sides):
        shape = (*size, 3)
        for stride in {None, 1, 2, patch // 2 or 1, max(patch - 1, 1), patch} & {None, *range(1, patch + 1)}:
            computed = sizes_of(encoder, size, stride)
            for stated in (np.zeros(shape, np.uint8), np.zeros((2, *shape)), shape, [7, *shape], size):
                try:
                    rows, columns = encoder.grid(stated, stride=stride)
                except ValueError as error:
                    assert str(error) == computed
                    continue
                assert rows * columns == computed
                assert (patch + (rows - 1) * (stride or patch), patch + (columns - 1) * (stride or patch)) == size
            nearest = encoder.nearest_size(*size, stride=stride)
            assert nearest == tuple(nearest_side(side, patch, stride or patch) for side in size)
            found = encoder.features(np.zeros(shape, np.uint8), layer=0, norm=False, stride=stride, resize="nearest")
            rows, columns = encoder.grid(shape, stride=stride, resize="nearest")
            assert len(found) == rows * columns
            assert encoder.grid(nearest, stride=stride) == (rows, columns)


def nearest_side(side: int, patch: int, stride: int) -> int:
    """Of all that fit, the nearest, and of two equally near the larger."""
    fitting = range(patch, side + patch + stride + 1, stride)
    return min(fitting, key=lambda fits: (abs(fits - side), -fits))


def test_grids_of_data_sets_and_files(model: lm.LatentMIM, folder: Path) -> None:
    encoder, photos = model.encoder, lm.ImageFolder(folder)
    for resize, stride in ((None, None), (64, None), ((32, 48), 4), (32, 8)):
        rows, columns = encoder.grid(photos, resize=resize, stride=stride)
        assert (rows, columns) == encoder.grid(folder, resize=resize, stride=stride)
        assert encoder.features(photos, resize=resize, stride=stride).shape == (12, rows * columns, 48)
        width = lm.evaluate.features(
            encoder, photos, [0], size=resize or encoder.config.image_size, short_side=0, stride=stride,
            pooling="patches", progress=False,
        ).shape  # fmt: skip
        assert width == (1, rows * columns, 48)
    with pytest.raises(ValueError, match="become one size"):
        encoder.grid(photos, resize="nearest")
    with pytest.raises(ValueError, match="width is 52, not divisible by the patch size 8: nearest are 48 and 56"):
        encoder.grid(photos.paths[0])
    assert encoder.grid(photos.paths[0], resize="nearest") == (5, 7)
    with pytest.raises(ValueError, match="height is 33, not 8 and whole strides of 3 pixels: nearest are 32 and 35"):
        encoder.features(photos, resize=33, stride=3)


def test_what_grids_and_sizes_refuse(model: lm.LatentMIM) -> None:
    encoder = model.encoder
    for size in ((0, 8), (8, -8), (7, 8), (2**40, 8), (8, 2**62), (2**31 - 8, 2**31 - 8)):
        with pytest.raises(ValueError, match=r"height is|width is|too many"):
            encoder.grid(size)
    for bad in ((0, 8), (8, -(2**63)), (2**31, 8)):
        with pytest.raises(ValueError, match=r"(height|width) is .*, wanted 1 …"):
            encoder.nearest_size(*bad)
    assert encoder.nearest_size(1, 2**31 - 9) == (8, 2**31 - 8)
    with pytest.raises(ValueError, match="width becomes"):
        encoder.nearest_size(1, 2**31 - 1)
    assert encoder.nearest_size(480, 854, short_side=480) == (480, 856)
    assert encoder.nearest_size(100, 300, short_side=60, stride=4) == (60, 180)
    for stride in (0, -1, 9, 2**40):
        for call in (encoder.grid, encoder.features):
            with pytest.raises(ValueError, match=f"stride.* {stride}, wanted"):
                call(np.zeros((8, 8, 3)), stride=stride)  # type: ignore[operator]
    for wrong in ((8, 8, 4), (1, 8, 8, 1)):
        with pytest.raises(ValueError, match="wanted 3 channels last"):
            encoder.grid(wrong)
        with pytest.raises(ValueError, match="wanted 3 channels last"):
            encoder.grid(np.zeros(wrong))
    with pytest.raises(TypeError, match="wanted uint8"):
        encoder.grid((8,))
    with pytest.raises(TypeError, match="height"):
        encoder.nearest_size(8.5, 8)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="64 bits"):
        encoder.nearest_size(2**70, 8)


def test_what_layers_and_parts_refuse(model: lm.LatentMIM, folder: Path) -> None:
    encoder, images = model.encoder, pixels(1, 32, 40)
    cases: list[tuple[str, dict[str, Any]]] = [
        ("layer is 0, wanted 1 … 2 for keys", {"layer": 0, "part": "keys"}),
        ("layer is 0, wanted 1 … 2 for values", {"layer": [1, -3], "part": "values"}),
        ("layer is an empty list", {"layer": []}),
        ("layer: is 3, wanted 0 … 2", {"layer": [1, 3]}),
        ("part is 'kyes', wanted one of 'tokens', 'queries', 'keys', 'values'", {"part": "kyes"}),
        ("part: keys does not go with it", {"part": "keys", "projector": True}),
    ]
    for message, options in cases:
        with pytest.raises(ValueError, match=message):
            encoder.features(images, **options)
    with pytest.raises(TypeError, match="layer"):
        encoder.features(images, layer=1.0)  # type: ignore[arg-type]
    for layer in (0, -3):
        with pytest.raises(ValueError, match="layer is 0, wanted 1 … 2"):
            encoder.attention(images, layer=layer)
    for queries in (21, -1, [0, 2**31 - 1]):
        with pytest.raises(ValueError, match=r"outside 0 \.\.< 21"):
            encoder.attention(images, queries=queries)
    assert encoder.attention(images, queries=[]).shape == (1, 3, 0, 21)
    with pytest.raises(TypeError, match="is a data set"):
        encoder.attention(folder)
    nan = np.full((32, 40, 3), np.nan, np.float32)
    with pytest.raises(ValueError, match="pixel of nan"):
        encoder.attention(nan)


def test_attention_asks_for_memory_first(model: lm.LatentMIM) -> None:
    large = np.zeros((3200, 3200, 3), np.uint8)
    with pytest.raises(MemoryError, match="attention"):
        model.encoder.attention(np.broadcast_to(large, (16, *large.shape)))
    # A row costs little: 160001 weights a head.
    assert model.encoder.attention(large[:800, :800], queries=0).shape == (3, 10001)


def test_depth_with_nan_weights() -> None:
    weights = pretrained.plain(np.random.default_rng(0), position_rows=1)
    weights["blocks.1.attn.qkv.weight"][:] = np.nan
    encoder = load(weights)
    images = pixels(1, SIZE, SIZE)
    assert np.isfinite(encoder.features(images, layer=1, part="keys")).all()
    for call in (lambda: encoder.features(images, part="keys"), lambda: encoder.attention(images)):
        with pytest.raises(FloatingPointError, match="not finite"):
            call()
    assert DEPTH == 2
