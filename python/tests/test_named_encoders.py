"""Encoders under the names of transformers, timm and torchvision against what these libraries compute:
`fixtures/make_named_encoders.py`. Then what lies beside weights: configurations, parts, older formats.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import latentmim as lm
from latentmim._latentmim import encoder_fingerprint

STORED = np.load(Path(__file__).parent / "fixtures" / "named_encoders.npz")
NAMES = sorted({"/".join(name.split("/")[:2]) for name in STORED.files if not name.startswith("offset")})
TRANSFORMERS = [name for name in NAMES if name.startswith("transformers/")]
FAMILIES = {
    "vit": "vit", "deit": "vit", "vit_mae": "vit", "dinov2": "dinov2", "dinov2_swiglu": "dinov2",
    "dinov2_registers": "dinov2", "dinov3": "dinov3", "dinov3_gated": "dinov3", "ijepa": "ijepa", "beit": "beit",
    "beit_shared": "beit", "data2vec": "beit", "clip": "clip", "siglip": "siglip",
    "vit_small_patch16_dinov3_qkvb": "dinov3", "vit_huge_plus_patch16_dinov3": "dinov3",
    "vit_giant_patch14_dinov2": "timm", "vit_base_patch16_clip_quickgelu_224": "timm", "beit_base_patch16_224": "beit",
    "eva02_tiny_patch14_224": "eva", "eva02_base_patch16_clip_224": "eva",
}  # fmt: skip
PIXELS = {"mean": (0.5,) * 3, "std": (0.25,) * 3}
# Sums of up to 48 terms in each of two blocks, both sides rounding; rotary angles besides, up to 2π.
TOLERANCE = 1e-5
Arrays = dict[str, np.ndarray]


def unpacked(values: str, shapes: str) -> Arrays:
    sizes = json.loads(str(STORED[shapes]))
    ends = np.cumsum([np.prod(shape, dtype=int) for shape in sizes.values()])[:-1]
    parts = np.split(STORED[values].astype(np.float32), ends)
    return {name: part.reshape(shape) for (name, shape), part in zip(sizes.items(), parts, strict=False)}


def weights(name: str) -> Arrays:
    return unpacked(f"{name}/weights", f"{name}/shapes")


def in_memory(name: str) -> Arrays:
    stored, apart = weights(name), unpacked(f"{name}/values", f"{name}/value_shapes")
    names = json.loads(str(STORED[f"{name}/memory"]))
    return {key: stored[same] if same else apart[key] for key, same in names.items()}


def load(source: Any, **options: Any) -> lm.Encoder:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lm.load_encoder(source, **options)


def agrees(encoder: lm.Encoder, name: str) -> None:
    for key in STORED.files:
        if not key.startswith(f"{name}/tokens/"):
            continue
        height, width = map(int, key.rsplit("/", 1)[1].split("x"))
        image = np.random.default_rng(height * width).integers(0, 256, (1, height, width, 3), np.uint8)
        wanted, cells = STORED[key], height * width // 16
        found = encoder.features(image, class_token=encoder.has_class_token)
        assert np.abs(found[:, -cells:] - wanted[:, -cells:]).max() <= TOLERANCE * np.abs(wanted).max(), key
        if encoder.has_class_token:
            assert np.abs(found[:, 0] - wanted[:, 0]).max() <= TOLERANCE * np.abs(wanted).max(), key


def write(folder: Path, name: str, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    save_file({key: np.ascontiguousarray(value) for key, value in weights(name).items()}, folder / "model.safetensors")
    config = json.loads(str(STORED[f"{name}/config"])) | changes
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3, "image_std": [0.25] * 3}))
    return folder


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_folders_of_transformers(name: str, tmp_path: Path) -> None:
    folder = write(tmp_path, name)
    for path in (folder, folder / "model.safetensors"):
        encoder = load(path)
        assert encoder.family == FAMILIES[name.split("/")[1]]
        assert (encoder.config.heads, encoder.config.grid) == (2, (4, 4))
        assert (encoder.config.mean, encoder.config.std) == (PIXELS["mean"], PIXELS["std"])
        agrees(encoder, name)
    encoder.save(tmp_path / "again.safetensors")
    agrees(lm.load_encoder(tmp_path / "again.safetensors"), name)


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_names_in_memory(name: str) -> None:
    config = json.loads(str(STORED[f"{name}/config"]))
    agrees(load(in_memory(name), heads=2, epsilon=config["layer_norm_eps"], **PIXELS), name)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in TRANSFORMERS])
def test_names_of_timm_and_torchvision(name: str) -> None:
    model = name.split("/")[1]
    clip = {"activation": "quick_gelu", "epsilon": 1e-5} if "clip_quick" in model else {}
    encoder = load(weights(name), heads=2, **clip, **PIXELS)
    assert encoder.family == ("torchvision" if name.startswith("torchvision") else FAMILIES[model])
    agrees(encoder, name)
    if f"{name}/pooled/16x16" in STORED.files:
        image = np.random.default_rng(256).integers(0, 256, (1, 16, 16, 3), np.uint8)
        wanted = STORED[f"{name}/pooled/16x16"]
        assert np.abs(encoder.pool(image, "mean") - wanted).max() <= TOLERANCE * np.abs(wanted).max()
        data = lm.Arrays(image, np.zeros(1, np.int64))
        found = lm.evaluate.features(encoder, data, pooling="mean", norm=True, size=16, progress=False)
        assert np.abs(found - wanted).max() <= TOLERANCE * np.abs(wanted).max()


def test_own_names_of_dinov3() -> None:
    """The published files': storage tokens, periods, and a bias of keys behind a mask of zeros."""
    name = "timm/vit_small_patch16_dinov3_qkvb"
    found = weights(name)
    renamed = {"reg_token": "storage_tokens", "gamma_1": "ls1.gamma", "gamma_2": "ls2.gamma"}
    own = {}
    for key, value in found.items():
        block, _, last = key.rpartition(".")
        own[f"{block}.{renamed.get(last, last)}".lstrip(".")] = value
    for block in range(2):
        start = f"blocks.{block}.attn."
        q, v = own.pop(f"{start}q_bias"), own.pop(f"{start}v_bias")
        own[f"{start}qkv.bias"] = np.concatenate([q, np.full_like(q, 7), v])
        own[f"{start}qkv.bias_mask"] = np.repeat(np.float32([1, 0, 1]), len(q))
    own |= {"mask_token": np.ones((1, 16), np.float32), "rope_embed.periods": np.float32([1, 10])}
    encoder = load(own, **PIXELS)
    assert (encoder.family, encoder.config.heads) == ("dinov3", 2)
    agrees(encoder, name)
    slower = load(own | {"rope_embed.periods": np.float32([1, 20])}, **PIXELS)
    image = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), np.uint8)
    assert not np.allclose(slower.features(image), encoder.features(image), atol=1e-4)


EVA = {
    "fc1_g": "w1", "fc1_x": "w2", "mlp.fc2": "mlp.w3", "mlp.norm": "mlp.ffn_ln", "attn.norm": "attn.inner_attn_ln",
    "q_proj.bias": "q_bias", "v_proj.bias": "v_bias",
}  # fmt: skip


def eva_angles(rows: int, columns: int, head: int, reference: int = 16) -> np.ndarray:
    """Of EVA-02's rotary positions, [rows · columns, head]: each twice, those of the row first."""
    bands = 10_000.0 ** (-np.arange(head // 4) / (head // 4))
    y, x = np.divmod(np.arange(rows * columns), columns)
    places = np.stack([y * reference / rows, x * reference / columns], axis=1)
    return (places[:, :, np.newaxis] * bands).reshape(len(y), -1).repeat(2, axis=1)


def own_names_of_eva(prefix: str = "") -> Arrays:
    found = {}
    for name, value in weights("timm/eva02_base_patch16_clip_224").items():
        for ours, theirs in EVA.items():
            name = name.replace(ours, theirs)
        found[prefix + name] = value
    return found


@pytest.mark.parametrize("prefix", ["", "visual."])
def test_own_names_of_eva(prefix: str, tmp_path: Path) -> None:
    """EVA-02's own files, and EVA-CLIP's: halves of SwiGLU, norms and biases by other names, stored angles."""
    name = "timm/eva02_base_patch16_clip_224"
    own = own_names_of_eva(prefix)
    angles = eva_angles(4, 4, 8)
    for place in ("rope", "blocks.0.attn.rope", "blocks.1.attn.rope"):
        own |= {f"{prefix}{place}.freqs_cos": np.cos(angles), f"{prefix}{place}.freqs_sin": np.sin(angles)}
    own |= {f"{prefix}mask_token": np.ones((1, 1, 16), np.float32), f"{prefix}lm_head.bias": np.ones(3, np.float32)}
    own |= {"text.logit": np.ones(3, np.float32)} if prefix else {}
    encoder = load(own, heads=2, **PIXELS)
    assert encoder.family == "eva"
    agrees(encoder, name)
    encoder.save(tmp_path / "again.safetensors")
    again = lm.load_encoder(tmp_path / "again.safetensors")
    agrees(again, name)
    assert encoder_fingerprint(again._handle) == encoder_fingerprint(encoder._handle)
    half = {key: value.astype(np.float16) for key, value in own.items()}
    assert load(half, heads=2).family == "eva"
    # Another grid of reference, another number of heads.
    for other in (eva_angles(4, 4, 8, reference=4), eva_angles(4, 4, 16)):
        with pytest.raises(ValueError, match=r"rope\.freqs_cos .* other rotary positions than EVA-02's") as error:
            load(own | {f"{prefix}rope.freqs_cos": np.cos(other)}, heads=2)
        assert "\n" not in str(error.value)


def test_what_lies_beside_eva(tmp_path: Path) -> None:
    """CLIP's pixels, ε of 10⁻⁶ for its CLIP models, too, and a grid of reference that was given to timm."""
    name = "timm/eva02_base_patch16_clip_224"
    save_file(weights(name), tmp_path / "model.safetensors")
    config: dict[str, Any] = {"architecture": name[5:], "num_features": 16, "model_args": {"num_heads": 2}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert remarks(tmp_path) == []
    encoder = lm.load_encoder(tmp_path)
    assert encoder.config.mean == (0.48145466, 0.4578275, 0.40821073)
    image = np.random.default_rng(256).integers(0, 256, (1, 16, 16, 3), np.uint8)
    config["model_args"]["ref_feat_shape"] = [4, 4]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert np.abs(lm.load_encoder(tmp_path).features(image) - encoder.features(image)).max() > 1e-3


def test_eva_01() -> None:
    """A plain vision transformer of one width, which tells it from others of these names; heads are 88 wide."""

    def plain(width: int) -> Arrays:
        rng = np.random.default_rng(0)
        shapes = {"cls_token": (1, 1, width), "pos_embed": (1, 5, width), "patch_embed.proj.weight": (width, 3, 2, 2),
                  "patch_embed.proj.bias": (width,), "blocks.0.attn.q_bias": (width,),
                  "blocks.0.attn.v_bias": (width,), "blocks.0.attn.qkv.weight": (3 * width, width),
                  "blocks.0.attn.proj.weight": (width, width), "blocks.0.attn.proj.bias": (width,),
                  "blocks.0.mlp.fc1.weight": (width // 4, width), "blocks.0.mlp.fc1.bias": (width // 4,),
                  "blocks.0.mlp.fc2.weight": (width, width // 4), "blocks.0.mlp.fc2.bias": (width,)}  # fmt: skip
        shapes |= {f"{norm}.{part}": (width,) for norm in ("blocks.0.norm1", "blocks.0.norm2", "norm")
                   for part in ("weight", "bias")}  # fmt: skip
        return {name: rng.normal(0, shape[-1] ** -0.5, shape).astype(np.float32) for name, shape in shapes.items()}

    assert remarks(plain(1408)) == []
    giant = load(plain(1408), **PIXELS)
    assert (giant.family, giant.config.heads) == ("eva", 16)
    assert load(plain(96), heads=2).family == "beit"
    with pytest.raises(ValueError, match="EVA-02-CLIP-E has norms behind attention and MLP"):
        load(plain(1792))
    with pytest.raises(ValueError, match="no encoder was found of the family 'eva'"):
        load(plain(96), heads=2, family="eva")


MMPRETRAIN = {
    "patch_embed.proj": "patch_embed.projection", "blocks": "layers", "norm1": "ln1", "norm2": "ln2",
    "mlp.fc1": "ffn.layers.0.0", "mlp.fc2": "ffn.layers.1", "ls1.gamma": "attn.gamma1.weight",
    "ls2.gamma": "ffn.gamma2.weight", "norm": "ln1",
}  # fmt: skip
OPEN_CLIP = {
    "patch_embed.proj": "conv1", "cls_token": "class_embedding", "pos_embed": "positional_embedding",
    "blocks": "transformer.resblocks", "norm_pre": "ln_pre", "norm1": "ln_1", "norm2": "ln_2",
    "attn.qkv.": "attn.in_proj_", "attn.proj": "attn.out_proj", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
    "norm": "ln_post",
}  # fmt: skip


def renamed(found: Arrays, names: dict[str, str]) -> Arrays:
    result = {}
    for name, value in found.items():
        new = f".{name}"
        for ours, theirs in names.items():
            dot = "" if ours.endswith(".") else "." if f".{ours}." in f"{new}." else None
            if dot is not None:
                new = f"{new}.".replace(f".{ours}{dot}", f".{theirs}{dot}")[: None if dot == "" else -1].rstrip(".")
        result[new.lstrip(".")] = value
    return result


def test_names_of_mmpretrain_and_open_clip() -> None:
    import pretrained

    plain = pretrained.plain(np.random.default_rng(4), position_rows=1, layer_scale="ls{}.gamma")
    image = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), np.uint8)
    wanted = load(plain, heads=3).features(image)
    mmpretrain = {f"backbone.{name}": value for name, value in renamed(plain, MMPRETRAIN).items()}
    encoder = load(mmpretrain | {"head.fc.weight": np.ones((2, 24), np.float32)}, heads=3)
    assert encoder.family == "mmpretrain"
    assert np.array_equal(encoder.features(image), wanted)
    clip = weights("timm/vit_base_patch16_clip_quickgelu_224")
    visual = {f"visual.{name}": value for name, value in renamed(clip, OPEN_CLIP).items()}
    visual |= {"visual.proj": np.ones((16, 8), np.float32), "logit_scale": np.float32(1)}
    visual |= {"transformer.resblocks.0.ln_1.weight": np.ones(16, np.float32)}
    encoder = load(visual, heads=2, activation="quick_gelu", **PIXELS)
    assert encoder.family == "clip"
    agrees(encoder, "timm/vit_base_patch16_clip_quickgelu_224")
    assert any("weights do not tell the activation; 'gelu' taken" in line for line in remarks(visual, heads=2))


def test_positions_as_dino_has_them() -> None:
    """Patches of zeros: the tokens are the positions."""
    import pretrained

    table = STORED["offset/table"][0].transpose(1, 2, 0).reshape(25, -1)
    plain = pretrained.plain(np.random.default_rng(0), position_rows=1, grid=(5, 5))
    plain["pos_embed"][0, 1:, :3] = table
    plain["patch_embed.proj.weight"][:] = plain["patch_embed.proj.bias"][:] = 0
    encoder = load({"teacher": {f"backbone.{name}": value for name, value in plain.items()}}, heads=3)
    for name in (name for name in STORED.files if name.startswith("offset/") and "x" in name):
        rows, columns = map(int, name.split("/")[1].split("x"))
        found = encoder.features(np.zeros((4 * rows, 4 * columns, 3), np.uint8), layer=0, norm=False)[:, :3]
        wanted = STORED[name][0].transpose(1, 2, 0).reshape(-1, 3)
        assert np.abs(found - wanted).max() < 8 * 11 * 2.0**-24 * np.abs(table).max(), name


def remarks(source: Any, **options: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lm.load_encoder(source, **options)
    return [str(warning.message) for warning in caught]


def test_what_lies_beside(tmp_path: Path) -> None:
    folder = write(tmp_path / "a", "transformers/vit")
    assert remarks(folder) == []
    # What is given goes before.
    assert load(folder, mean=(0.1,) * 3, heads=4).config.mean == (0.1,) * 3
    (folder / "preprocessor_config.json").write_text('{"do_normalize": false}')
    assert load(folder).config.mean == (0, 0, 0)
    (folder / "preprocessor_config.json").unlink()
    [line] = remarks(folder)
    assert "nothing tells how pixels are normalised" in line
    (folder / "config.json").write_text('{"hidden_size": 32, "num_attention_heads": 4}')
    assert any("is of a model 32 wide, these weights are 16 wide" in line for line in remarks(folder, **PIXELS))
    (folder / "config.json").write_text("{")
    assert any("config.json lies beside the weights and is not read" in line for line in remarks(folder, **PIXELS))
    write(folder, "transformers/vit", hidden_act="relu")
    with pytest.raises(ValueError, match=r"config\.json: the activation 'relu' of plain MLPs is not known here"):
        lm.load_encoder(folder)


def test_folders_of_timm(tmp_path: Path) -> None:
    name = "timm/vit_base_patch16_clip_quickgelu_224"
    save_file(weights(name), tmp_path / "model.safetensors")
    config = {"architecture": name[5:], "num_features": 16, "model_args": {"num_heads": 2},
              "pretrained_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3}}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert remarks(tmp_path) == []
    agrees(lm.load_encoder(tmp_path), name)


def test_several_files(tmp_path: Path) -> None:
    name = "transformers/dinov2"
    folder = write(tmp_path, name)
    (folder / "model.safetensors").unlink()
    parts = [dict(list(weights(name).items())[part::2]) for part in range(2)]
    index = {"weight_map": {key: f"part{number}.safetensors" for number, part in enumerate(parts) for key in part}}
    for number, part in enumerate(parts):
        save_file(part, folder / f"part{number}.safetensors")
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps(index))
    for source in (folder, path):
        agrees(load(source), name)
    path.write_text(json.dumps({"weight_map": {"a": "../part0.safetensors"}}))
    with pytest.raises(ValueError, match="wanted a file beside it"):
        lm.load_encoder(folder)
    path.write_text(json.dumps({"weight_map": {"a": "part0.safetensors"}}))
    with pytest.raises(ValueError, match=r"part0\.safetensors holds a, which it does not"):
        lm.load_encoder(folder)


def test_quantised_weights_are_one_line() -> None:
    found = weights("transformers/vit")
    name = "encoder.layer.0.intermediate.dense.weight"
    with pytest.raises(ValueError, match=rf"^{name} is stored as int8: quantised weights are not read") as error:
        lm.load_encoder(found | {name: found[name].astype(np.int8)})
    assert "\n" not in str(error.value)


def test_names_that_only_look_alike() -> None:
    """EVA-02 has BEiT's names and rotary positions besides: as BEiT its features would be wrong."""
    import pretrained

    for name, family in (("tiny_patch14_224", "beit"), ("base_patch16_clip_224", "timm")):
        with pytest.raises(ValueError, match="EVA-02 has rotary positions of another kind"):
            load(weights(f"timm/eva02_{name}"), heads=2, family=family)
    perception = pretrained.plain(np.random.default_rng(0), position_rows=1)
    perception |= {f"norm_pre.{part}": np.ones(24, np.float32) for part in ("weight", "bias")}
    load(perception, heads=3)
    with pytest.raises(ValueError, match="a Perception Encoder has rotary positions"):
        load(perception | {"attn_pool.latent": np.ones((1, 1, 24), np.float32)}, heads=3)
    wider = pretrained.plain(np.random.default_rng(0), position_rows=1)
    with pytest.raises(ValueError, match=r"blocks\.1\.norm1\.weight is 48 wide, patches 24: a hierarchical network"):
        load(wider | {"blocks.1.norm1.weight": np.ones(48, np.float32)}, heads=3)


def test_reading_what_views_say(tmp_path: Path) -> None:
    """Arrays that are not in C order come back as they are: safetensors 0.8.0's own writer stores their memory."""
    values = np.arange(48, dtype=np.float32).reshape(6, 8)
    image = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), np.uint8)
    found = weights("transformers/vit")
    name = "encoder.layer.0.intermediate.dense.weight"
    wanted = load(found, heads=2).features(image)
    turned = np.asfortranarray(found[name])
    assert np.array_equal(load(found | {name: turned}, heads=2).features(image), wanted)
    padded = np.zeros((64, 32), np.float32)
    padded[1::2, ::2] = found[name]
    assert np.array_equal(load(found | {name: padded[1::2, ::2]}, heads=2).features(image), wanted)
    assert values.T.flags.f_contiguous


def test_trees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from latentmim import cli

    write(tmp_path, "transformers/vit")
    assert cli.main(["inspect", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "embeddings"
    assert "  cls_token  F32 [1, 1, 16]" in lines
    assert "encoder.layer" in lines
    assert "  0 … 1" in lines
    assert "        key" in lines
    save_file(
        {"stem.weight": np.ones((2, 3), np.float32), "stem": np.ones(1, np.float32)}, tmp_path / "other.safetensors"
    )
    assert cli.main(["inspect", str(tmp_path / "other.safetensors")]) == 1
    found = capsys.readouterr()
    assert "F32 [2, 3]" in found.out
    assert "no encoder was found" in found.err
