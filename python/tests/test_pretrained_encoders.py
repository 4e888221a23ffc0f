"""Encoders of other projects against a plain forward pass, family by family; then what is refused."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pretrained
import pytest
from conftest import pixels
from pretrained import CASES, DEPTH, GRID, PATCH, WIDTH, forward
from safetensors.numpy import save_file

import latentmim as lm

SIZE = GRID * PATCH
# The longest sums have 4·C = 96 terms of the size of the largest value; two blocks of them.
TOLERANCE = 2 * 96 * 2.0**-24
FIXTURES = Path(__file__).parent / "fixtures"


def load(weights: Any, **options: Any) -> lm.Encoder:
    """Remarks (heads left out, pixels of BEiT, heads unknown) have tests of their own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lm.load_encoder(weights, **{"heads": pretrained.HEADS} | options)


def close(found: np.ndarray, wanted: np.ndarray) -> None:
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= TOLERANCE * np.abs(wanted).max()


def as_ours(encoder: lm.Encoder, tokens: np.ndarray, cells: int) -> np.ndarray:
    """Registers left out."""
    return np.concatenate([tokens[:, : int(encoder.has_class_token)], tokens[:, tokens.shape[1] - cells :]], 1)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[pretrained.Weights, dict[str, Any], str]:
    make, family = CASES[request.param]
    return *make(np.random.default_rng(len(request.param))), family


def test_every_layer(case: Any) -> None:
    weights, checkpoint, family = case
    encoder, images = load(checkpoint), pixels(3, SIZE, SIZE)
    assert encoder.family == family
    assert encoder.has_class_token == ("cls_token" in weights)
    assert (encoder.config.grid, encoder.config.patch_size, encoder.config.depth) == ((GRID, GRID), PATCH, DEPTH)
    *layers, last = (as_ours(encoder, tokens, GRID * GRID) for tokens in forward(weights, images))
    for layer, wanted in enumerate(layers):
        close(encoder.features(images, layer=layer, norm=False, class_token=encoder.has_class_token), wanted)
    close(encoder.features(images, class_token=encoder.has_class_token), last)
    patches = last[:, int(encoder.has_class_token) :]
    close(encoder.features(images), patches)
    mean = patches.mean(1)
    close(
        encoder.pool(images, "mean"),
        mean if "norm.weight" in weights else pretrained.layer_norm(mean, weights, "fc_norm"),
    )
    close(encoder.pool(images, "mean", norm=False), layers[-1][:, int(encoder.has_class_token) :].mean(1))
    close(encoder.pool(images, "max"), patches.max(1))
    if encoder.has_class_token:
        close(encoder.pool(images, "cls"), last[:, 0])
    else:
        with pytest.raises(ValueError, match="'cls' of an encoder without class token"):
            encoder.pool(images, "cls")
        with pytest.raises(ValueError, match="class_token: this encoder has none"):
            encoder.features(images, class_token=True)


# What the projects' own code does; mae and ijepa name no rule for pictures of other sizes but in fine-tuning.
RULES = {"dino": "offset", "ibot": "offset", "dinov2": "antialiased", "mae": "bicubic", "ijepa": "bicubic"}


@pytest.mark.parametrize("interpolation", ["antialiased", "bicubic", "offset", None])
@pytest.mark.parametrize("grid", [(6, 3), (2, 5), (4, 7)])
def test_other_grids(case: Any, grid: tuple[int, int], interpolation: str | None) -> None:
    weights, checkpoint, family = case
    encoder, images = load(checkpoint, interpolation=interpolation), pixels(2, grid[0] * PATCH, grid[1] * PATCH)
    rule = interpolation or RULES.get(family, "antialiased")
    wanted = as_ours(encoder, forward(weights, images, interpolation=rule)[-1], grid[0] * grid[1])
    close(encoder.features(images, class_token=encoder.has_class_token), wanted)
    with pytest.raises(ValueError, match="cannot be extended"):
        encoder.features(images, extend_positions=True)


def test_files_come_back(case: Any, tmp_path: Path) -> None:
    _, checkpoint, family = case
    encoder, images = load(checkpoint, interpolation="bicubic", epsilon=1e-3), pixels(1, 2 * SIZE, SIZE)
    encoder.save(tmp_path / "encoder.safetensors")
    again = lm.load_encoder(tmp_path / "encoder.safetensors")
    assert (again.family, again.config, again.has_class_token) == (family, encoder.config, encoder.has_class_token)
    assert np.array_equal(again.features(images), encoder.features(images))
    with pytest.raises(ValueError, match="its own configuration; heads"):
        lm.load_encoder(tmp_path / "encoder.safetensors", heads=3)
    with pytest.raises(ValueError, match="an encoder alone, no whole model: load_encoder reads it"):
        lm.LatentMIM.load(tmp_path / "encoder.safetensors")


def test_protocols_and_segments(case: Any) -> None:
    _, checkpoint, _ = case
    encoder, labels = load(checkpoint), np.arange(40) % 2
    images = (np.random.default_rng(0).integers(0, 64, (40, SIZE, SIZE, 3)) + 150 * labels[:, None, None, None]).astype(
        np.uint8
    )
    data = lm.Arrays(images, labels)
    assert lm.evaluate.nearest_neighbor(encoder, data, progress=False).accuracy == 1
    found = lm.evaluate.knn(encoder, data, data, k=5, progress=False)
    assert found.accuracy == 1
    assert ("cls" if encoder.has_class_token else "mean") in found.tap
    report = lm.evaluate.suite(encoder, data, data, progress=False)
    assert len(report.results) >= 3
    segments = lm.segment(encoder, images[0], 3)
    assert segments.labels.shape == (SIZE, SIZE)
    assert len(np.unique(segments.labels)) == 3


def test_options() -> None:
    weights = pretrained.plain(np.random.default_rng(3), position_rows=1, grid=(3, 5))
    images = pixels(2, 12, 20)
    half = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
    encoder = load(weights, grid=(3, 5), epsilon=0.1, **half)
    close(encoder.features(images), forward(weights, images, old=(3, 5), epsilon=0.1, **half)[-1][:, 1:])
    assert encoder.config.mean == half["mean"]
    with pytest.raises(ValueError, match=r"pos_embed has 16 rows, for 16 or 15 patches: the grid \[4, 3\] has 12"):
        load(weights, grid=(4, 3))
    with pytest.raises(ValueError, match=r"known are .*'heads'"):
        load(weights, patch_gap=3)


def test_prefix_and_family() -> None:
    _, checkpoint = pretrained.dino(np.random.default_rng(5))
    images = pixels(1, SIZE, SIZE)
    student = {name.removeprefix("backbone."): value for name, value in checkpoint["student"].items()}
    encoder = load(checkpoint, prefix="student.backbone.")
    close(encoder.features(images), forward(student, images)[-1][:, 1:])
    assert load(checkpoint, family="ibot").family == "ibot"
    with pytest.raises(ValueError, match=r"no encoder was found behind 'teachers\.'"):
        load(checkpoint, prefix="teachers.")
    with pytest.raises(ValueError, match=r"there is one behind '(teacher|student)\.backbone\.', '"):
        load(checkpoint, prefix="teachers.")
    with pytest.warns(UserWarning, match=r"the encoder behind 'teacher\.backbone\.' is taken; .*'student\.backbone\.'"):
        lm.load_encoder(checkpoint, heads=3)
    # A family that is asked for may lie anywhere.
    assert load(student, family="dino").family == "dino"
    with pytest.raises(ValueError, match="family is 'dinov9', wanted one of 'latentmim', "):
        load(checkpoint, family="dinov9")


@pytest.mark.parametrize("prefix", ["", "net.", "model.backbone.", "module.net."])
def test_a_prefix_says_where_and_nothing_else(prefix: str) -> None:
    rng = np.random.default_rng(4)
    narrow = pretrained.plain(rng, position_rows=1)
    # The width of ViT-S, of which MoCo v3 has its own.
    small = {
        name: rng.normal(0, 0.05, [{WIDTH: 384, 3 * WIDTH: 1152, 4 * WIDTH: 1536}.get(n, n) for n in value.shape])
        for name, value in narrow.items()
        if not name.startswith("blocks.1.")
    }
    small |= {
        name.replace("blocks.0.", f"blocks.{block}."): value
        for name, value in small.items()
        for block in range(12)
        if name.startswith("blocks.0.")
    }
    encoder = lm.load_encoder({prefix + name: value for name, value in small.items()}, prefix=prefix, **HALF)
    assert (encoder.family, encoder.config.heads) == ("timm", 6)
    moco = lm.load_encoder({"module.base_encoder." + name: value for name, value in small.items()})
    assert (moco.family, moco.config.heads) == ("moco_v3", 12)


@pytest.mark.parametrize(
    "wrapper",
    ["module._orig_mod.", "_orig_mod.", "module.module.", "net.", "model.net.", "_forward_module.model.",
     "student.module.backbone.", "a.b.c.d."],
)  # fmt: skip
def test_wrappers_are_seen_through(wrapper: str) -> None:
    weights = pretrained.plain(np.random.default_rng(6), position_rows=1)
    images = pixels(1, SIZE, SIZE)
    wanted = load(weights).features(images)
    assert np.array_equal(load({wrapper + name: value for name, value in weights.items()}).features(images), wanted)
    inner = {name.replace("blocks.1.", "blocks.1._orig_mod."): value for name, value in weights.items()}
    assert np.array_equal(load(inner).features(images), wanted)


def test_parts_of_all_blocks_are_one_line() -> None:
    weights = pretrained.plain(np.random.default_rng(6), position_rows=1)
    block = {name: value for name, value in weights.items() if name.startswith("blocks.0.")}
    weights |= {name.replace("blocks.0.", f"blocks.{i}."): value for i in range(24) for name, value in block.items()}
    weights |= {f"blocks.{i}.attn.proj_{part}.weight": np.eye(3, dtype=np.float32) for i in range(24) for part in "lw"}
    with pytest.raises(ValueError, match=r"blocks\.\*\.attn\.proj_l\.weight is not part .* \(24×\)") as error:
        load(weights)
    assert len(str(error.value).splitlines()) <= 8


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = pretrained.plain(np.random.default_rng(6), position_rows=1)
    encoder, images = load(weights), pixels(1, SIZE, SIZE)
    with pytest.raises(ValueError, match=r"is a folder, wanted .*encoder\.safetensors or .*model\.safetensors"):
        lm.load_encoder(tmp_path)
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(ValueError, match=r"pytorch_model\.bin' is empty"):
        lm.load_encoder(tmp_path)
    save_file({name: value.astype(np.float32) for name, value in weights.items()}, tmp_path / "model.safetensors")
    assert np.array_equal(load(tmp_path).features(images), encoder.features(images))
    other = lm.load_encoder(weights, heads=1, **HALF)
    other.save(tmp_path / "encoder.safetensors")
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in (tmp_path, f"{tmp_path}/", "~", "~/encoder.safetensors"):
        assert np.array_equal(lm.load_encoder(path).features(images), other.features(images))
    other.save("~/again.safetensors")
    assert (tmp_path / "again.safetensors").exists()


def test_what_is_there_instead_of_an_encoder() -> None:
    zeros = np.zeros(3, np.float32)
    resnet = {"conv1.weight": zeros} | {f"layer1.{i}.conv1.weight": zeros for i in range(200)}
    with pytest.raises(ValueError, match=r"names there begin with layer1\. \(200\), conv1\. \(1\), such as") as error:
        load(resnet)
    assert len(str(error.value)) < 500
    assert "conv1.weight, layer1.0.conv1.weight, " in str(error.value)
    assert "and 197 more" in str(error.value)


def remarks(weights: Any, **options: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lm.load_encoder(weights, **options)
    return [str(warning.message) for warning in caught]


HALF = {"mean": (0.5,) * 3, "std": (0.5,) * 3}


def test_remarks() -> None:
    weights = pretrained.plain(np.random.default_rng(5), position_rows=1)
    assert any("do not tell the number of heads; 1 taken" in line for line in remarks(weights))
    assert remarks(weights, heads=3, **HALF) == []
    heads = weights | {"head.weight": np.ones((2, WIDTH))}
    assert remarks(heads, heads=3, **HALF) == ["weights: head.weight left out: no encoder's"]
    [pixels_unknown] = remarks(weights, heads=3)
    assert "nothing tells how pixels are normalised; ImageNet's mean and std taken" in pixels_unknown
    beit, _ = pretrained.beit(np.random.default_rng(5))
    assert "ImageNet's mean and std taken" in remarks(beit)[0]
    assert remarks(beit, **HALF) == []
    assert lm.load_encoder(beit, mean=(0.5,) * 3).config.heads == pretrained.HEADS
    # Families whose models all see pixels alike.
    assert remarks(pretrained.dinov2(np.random.default_rng(5))[1], heads=3) == []
    flat = weights | {"pos_embed": np.zeros_like(weights["pos_embed"])}
    assert "the positions of all patches are equal" in remarks(flat, heads=3, **HALF)[0]


def test_every_missing_tensor_is_named(case: Any) -> None:
    weights, _, family = case
    optional = {"cls_token", "reg_token", "register_tokens", "pos_embed", "patch_embed.proj.bias"}
    for name in weights:
        left = {key: value for key, value in weights.items() if key != name}
        if name in optional or name.endswith(("_index", "rel_pos_bias.relative_position_bias_table", "fc_norm.bias")):
            continue
        if name in ("fc_norm.weight",):
            continue
        with pytest.raises(ValueError, match=f"{name.replace('.', '[.]')} is missing"):
            load(left, family=family, prefix="")


def test_every_wrong_shape_is_named(case: Any) -> None:
    weights, _, family = case
    for name, value in weights.items():
        if name.endswith("_index"):
            continue
        wrong = weights | {name: np.concatenate([value, value], axis=-1)}
        with pytest.raises(ValueError, match=name.rsplit(".", 1)[-1] + r"|patches are|[Ww]eight|grid"):
            load(wrong, family=family, prefix="")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"norm_pre.weight": WIDTH}, r"norm_pre\.bias is missing"),
        ({"blocks.0.mlp.w12.weight": WIDTH}, r"mlp\.fc1\.weight and blocks\.0\.mlp\.w12\.weight are both there"),
        ({"blocks.1.attn.q_norm.weight": 8}, "normed queries and keys"),
        ({"stages.0.norm.weight": WIDTH}, "a stage of several, as hierarchical networks have"),
        ({"layers.0.blocks.0.norm1.weight": WIDTH}, "a stage of several, as Swin has"),
        ({"blocks.0.attn.q_bias": WIDTH}, r"attn\.qkv\.bias and blocks\.0\.attn\.q_bias are both there"),
        ({"blocks.0.gamma_1": WIDTH, "blocks.0.ls1.gamma": WIDTH}, "are both there: names of two families are mixed"),
        ({"blocks.0.gamma_1": WIDTH}, r"blocks\.1\.gamma_1 is missing"),
        ({"reg_token": WIDTH, "register_tokens": WIDTH}, "are both there|wanted 3"),
        ({"blocks.7.norm1.weight": WIDTH}, "is not part of an encoder of 2 blocks"),
        ({"surprise.weight": 3}, r"surprise\.weight is not part of an encoder"),
        ({"fc_norm.weight": WIDTH}, r"norm\.weight and fc_norm\.weight are both there"),
    ],
)
def test_what_is_no_plain_vision_transformer(change: dict[str, int], message: str) -> None:
    weights = pretrained.plain(np.random.default_rng(2), position_rows=1)
    with pytest.raises(ValueError, match=message):
        load(weights | {name: np.ones(size, np.float32) for name, size in change.items()})


def test_hostile(tmp_path: Path) -> None:
    weights = pretrained.plain(np.random.default_rng(2), position_rows=1)
    small = np.ones((4096, 1), np.float32)
    huge = weights | {"patch_embed.proj.weight": small.reshape(4096, 1, 1, 1), "blocks.0.mlp.fc2.weight": small.T}
    with pytest.raises(ValueError, match="values in all, an encoder of these sizes alone wants at least"):
        load(huge, heads=4)
    with pytest.raises(ValueError, match="wanted square ones"):
        load(weights | {"patch_embed.proj.weight": np.ones((WIDTH, 3, 4, 2), np.float32)})
    with pytest.raises(ValueError, match="nothing tells where patches are"):
        load({name: value for name, value in weights.items() if name != "pos_embed"})
    with pytest.raises(ValueError, match="for 12 or 11 patches: wanted a square grid"):
        load(weights | {"pos_embed": np.ones((1, 12, WIDTH), np.float32)})
    with pytest.raises(
        ValueError, match=r"no encoder was found: .*; names there begin with a\. \(1\), c\. \(1\), such as a\.b, c\.d"
    ):
        load({"a.b": np.ones(3), "c": {"d": np.ones(2)}})
    with pytest.raises(ValueError, match=r"no encoder was found: .*; there are no tensors"):
        load({})
    with pytest.raises(TypeError, match="x: dtype is"):
        load(weights | {"x": np.array(["text"])})
    save_file(weights | {"norm.weight": np.ones(WIDTH, np.int64)}, tmp_path / "whole.safetensors")
    with pytest.raises(ValueError, match=r"norm\.weight is stored as I64"):
        load(tmp_path / "whole.safetensors")
    load(weights | {"norm.weight": np.full(WIDTH, np.nan, np.float32)})
    with pytest.raises(ValueError, match="width is 24, not divisible by heads = 5"):
        load(weights, heads=5)


@pytest.mark.parametrize(("name", "grid"), [("vit", (4, 4)), ("vit", (6, 3)), ("beit", (4, 4))])
def test_agrees_with_timm(name: str, grid: tuple[int, int]) -> None:
    """What timm computed: `fixtures/make_pretrained_encoders.py`."""
    stored = np.load(FIXTURES / "pretrained_encoders.npz")
    start = f"{name}/weights/"
    weights = {key.removeprefix(start): stored[key] for key in stored.files if key.startswith(start)}
    size = f"{grid[0]}x{grid[1]}"
    wanted = stored[f"{name}/features/{size}"]
    encoder = load(weights)
    # Both sides round: twice the tolerance.
    difference = encoder.features(stored[f"{name}/images/{size}"], class_token=True) - as_ours(
        encoder, wanted, grid[0] * grid[1]
    )
    assert np.abs(difference).max() <= 2 * TOLERANCE * np.abs(wanted).max()


def test_interpolation_agrees_with_pytorch() -> None:
    """Positions alone: patches of zeros, and the tokens are the positions."""
    stored = np.load(FIXTURES / "pretrained_encoders.npz")
    table = stored["table"][0].transpose(1, 2, 0)
    weights = pretrained.plain(np.random.default_rng(0), position_rows=1, grid=table.shape[:2])
    weights["pos_embed"][0, 1:, : table.shape[2]] = table.reshape(-1, table.shape[2])
    weights["patch_embed.proj.weight"][:] = 0
    weights["patch_embed.proj.bias"][:] = 0
    names = [name for name in stored.files if name.startswith("interpolated/")]
    assert len(names) == 10
    for name in names:
        _, size, antialias = name.split("/")
        rows, columns = map(int, size.split("x"))
        encoder = load(weights, grid=table.shape[:2], interpolation="antialiased" if antialias == "1" else "bicubic")
        found = encoder.features(np.zeros((4 * rows, 4 * columns, 3), np.uint8), layer=0, norm=False)
        wanted = stored[name][0].transpose(1, 2, 0).reshape(rows * columns, -1)
        # Two sums of up to 11 terms, weights rounded as well, on either side.
        assert np.abs(found[:, : table.shape[2]] - wanted).max() < 2 * 2 * 2 * 11 * 2.0**-24 * np.abs(table).max(), name


def test_tensors_of_pytorch() -> None:
    """Tensors are told by their methods: anything that behaves like PyTorch's."""

    class Tensor:
        def __init__(self, values: np.ndarray) -> None:
            self.values, self.shape = values, values.shape

        def detach(self) -> "Tensor":
            return self

        cpu = float = detach

        def numpy(self) -> np.ndarray:
            return self.values

    weights, checkpoint = pretrained.dino(np.random.default_rng(1))
    tensors = {"teacher": {name: Tensor(value) for name, value in checkpoint["teacher"].items()}}
    images = pixels(1, SIZE, SIZE)
    close(load(tensors).features(images), forward(weights, images)[-1][:, 1:])


@pytest.mark.parametrize("rate", [0.0, 1e-2])
def test_fine_tuning(case: Any, rate: float) -> None:
    """Positions, biases and registers come along: without a rate the copy is the same encoder, with one it is not."""
    _, checkpoint, family = case
    encoder = load(checkpoint)
    rng = np.random.default_rng(3)
    data = lm.Arrays(rng.integers(0, 255, (12, 24, 24, 3), dtype=np.uint8), np.arange(12) % 3)
    tuned = lm.evaluate.fine_tune(
        encoder, data, data, epochs=2, batch_size=4, warmup_epochs=0, base_learning_rate=rate, min_learning_rate=rate,
        pooling="mean", rand_augment=False, precision="float32", progress=False,
    )  # fmt: skip
    assert tuned.encoder.family == family
    images = pixels(2, SIZE + PATCH, SIZE)
    before, after = encoder.features(images), tuned.encoder.features(images)
    assert np.array_equal(before, after) == (rate == 0)
    assert np.isfinite(after).all()
