"""Exported encoders: timm's tokens, ONNX Runtime's, what is refused, and what is left when something goes wrong."""

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

import exported
import numpy as np
import pretrained
import pytest
from conftest import SMALL, pixels
from exported import FOR_TIMM, OTHERS, image, tokens

import latentmim as lm
from latentmim import _latentmim as native
from latentmim import cli
from latentmim.export import ExportError, onnx_model, safetensors, timm_folder
from latentmim.export.network import network_of

STORED = np.load(Path(__file__).parent / "fixtures" / "exported_encoders.npz")
# Sums of up to 96 terms in each of two blocks, both sides rounding.
TOLERANCE = 1e-5
BIASED = ("bias", "shared_bias", "bias_and_positions", "bias_without_class_token")


def close(found: np.ndarray, wanted: np.ndarray) -> None:
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= TOLERANCE * np.abs(wanted).max()


@pytest.mark.parametrize("name", FOR_TIMM)
def test_timms_tokens(name: str, tmp_path: Path) -> None:
    encoder = FOR_TIMM[name]()
    folder = tmp_path / "out"
    assert {Path(path).name for path in encoder.export(folder)} == {"README.md", "config.json", "model.safetensors"}
    # What timm was given when it computed what is stored.
    assert json.loads((folder / "config.json").read_text()) == json.loads(str(STORED[f"{name}/config"]))
    shapes = {key: tuple(shape) for key, (_, shape) in json.loads(native.weights_list(str(folder))).items()}
    assert shapes == {key: tuple(shape) for key, shape in json.loads(str(STORED[f"{name}/shapes"])).items()}
    back = lm.load_encoder(folder)
    height, width = encoder.config.image_size
    for key, size in {"tokens": (height, width), "larger": (2 * height, width)}.items():
        if f"{name}/{key}" in STORED.files:
            images = image(encoder, *size, 1)
            close(tokens(encoder, images), STORED[f"{name}/{key}"])
            close(tokens(back, images), tokens(encoder, images))
    assert (back.config.mean, back.config.std) == (encoder.config.mean, encoder.config.std)
    assert back.config.grid == encoder.config.training_grid
    images = image(encoder, height, width, 1)
    of_class = json.loads(str(STORED[f"{name}/config"]))["global_pool"] == "token"
    close(encoder.pool(images, "cls" if of_class else "mean"), STORED[f"{name}/pooled"])


def test_adapters_are_taken_in(tmp_path: Path) -> None:
    encoder = exported.adapted()
    encoder.export(tmp_path / "out")
    images = image(encoder, 16, 16)
    wanted = tokens(encoder, images)
    assert np.abs(wanted - tokens(exported.case("timm"), images)).max() > 0.01
    close(tokens(lm.load_encoder(tmp_path / "out"), images), wanted)


def run_onnx(encoder: lm.Encoder, folder: Path) -> Any:
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    assert {Path(path).name for path in encoder.export(folder, format="onnx")} == {"README.md", "model.onnx"}
    onnx.checker.check_model(str(folder / "model.onnx"), full_check=True)
    session = runtime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images.transpose(0, 3, 1, 2) / np.float32(255)})


@pytest.mark.parametrize("name", [*FOR_TIMM, *OTHERS])
def test_onnx_tokens(name: str, tmp_path: Path) -> None:
    encoder = (FOR_TIMM | OTHERS)[name]()
    run = run_onnx(encoder, tmp_path / "out")
    side, (height, width) = encoder.config.patch_size, encoder.config.image_size
    others = [(2 * height, width + side), (side, 3 * side), (height, side), (side, side), (3 * side, 11 * side)]
    for count, size in enumerate([(height, width), *([] if name in BIASED else others)], 1):
        images = image(encoder, *size, count)
        found, pooled = run(images)
        close(found, tokens(encoder, images))
        close(pooled, encoder.pool(images))


@pytest.mark.parametrize(("name", "size"), [("own", (33, 40)), ("own", (32, 4)), ("bias", (24, 16))])
def test_onnx_refuses_what_patches_do_not_fill(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    encoder = (FOR_TIMM | OTHERS)[name]()
    run = run_onnx(encoder, tmp_path / "out")
    with pytest.raises(Exception, match=r"(?i)shape|dimension"):
        run(image(encoder, *size))


def test_large_weights_lie_beside_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnx_model, "MOST_INSIDE", 0)
    encoder = FOR_TIMM["own"]()
    encoder.export(tmp_path / "out", format="onnx")
    assert (tmp_path / "out" / "model.onnx.data").stat().st_size > (tmp_path / "out" / "model.onnx").stat().st_size
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    session = runtime.InferenceSession(tmp_path / "elsewhere" / "model.onnx", providers=["CPUExecutionProvider"])
    images = image(encoder, 32, 40)
    close(session.run(None, {"images": images.transpose(0, 3, 1, 2) / np.float32(255)})[0], tokens(encoder, images))
    assert onnx.load(tmp_path / "elsewhere" / "model.onnx").ir_version <= 8


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bias_without_class_token", "cannot express this encoder: it has no class token, which timm's Beit needs$"),
        ("rounded_periods", "its rotary periods are no powers of one number, as timm computes them$"),
        ("normed_inside", "it has norms inside attention or MLPs, which timm's models have not$"),
        ("epsilon", r"the ε of its norms is 0\.001, timm's models have 1e-06 or 1e-05"),
    ],
)
def test_what_timm_cannot_express(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=said):
        OTHERS[name]().export(tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"class_token": False}, "it has no class token, which timm's EVA-02 needs"),
        ({"registers": 2}, "it has registers, which timm's EVA-02 has not"),
        ({"final_norm": "none"}, "it has no final norm, which timm's EVA-02 needs"),
        ({"pre_norm": True}, "it has a norm in front of the blocks, which timm's EVA-02 has not"),
        ({"activation": "gelu"}, "its MLPs are 'gelu', those of timm's EVA-02 'swiglu'"),
    ],
)
def test_what_timms_eva02_cannot_express(part: dict[str, Any], said: str) -> None:
    found = network_of(FOR_TIMM["eva"]())
    assert timm_folder.problems(found) == []
    assert timm_folder.problems(dataclasses.replace(found, **part)) == [said]


def test_every_reason_is_given(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'quick_gelu', those of timm's Eva .*; the ε of its norms is 0\.001"):
        exported.rotary(epsilon=1e-3, activation="quick_gelu").export(tmp_path / "out")
    gated = exported.plain(gated=True, epsilon=1e-5)
    with pytest.raises(ExportError, match=r"is 1e-05, timm's models of gated MLPs have 1e-06$"):
        gated.export(tmp_path / "out")


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = FOR_TIMM["own"]()
    with pytest.raises(ValueError, match=r"format: is 'tim', wanted 'timm' or 'onnx'; did you mean 'timm'\?"):
        encoder.export(tmp_path / "out", format="tim")  # type: ignore[arg-type]
    (tmp_path / "empty").mkdir()
    encoder.export(tmp_path / "empty")
    with pytest.raises(FileExistsError, match="holds files"):
        encoder.export(tmp_path / "empty")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError, match="no folder"):
        encoder.export(tmp_path / "file")
    encoder.export(tmp_path / "new" / "below")
    assert os.stat(tmp_path / "new" / "below").st_mode & 0o777 == 0o777 & ~_umask()
    before = sorted(tmp_path.rglob("*"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.np, "ascontiguousarray", full)
    with pytest.raises(OSError, match="No space left"):
        encoder.export(tmp_path / "half")
    assert sorted(tmp_path.rglob("*")) == before
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'latentmim\[onnx\]'"):
        encoder.export(tmp_path / "half", format="onnx")
    assert sorted(tmp_path.rglob("*")) == before


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_the_card_says_what_is_known(tmp_path: Path) -> None:
    data = lm.Arrays(pixels(8), np.arange(8) % 2)
    model = lm.LatentMIM(**SMALL)
    lm.Trainer(model, data, out=tmp_path / "run", validation=data, validate_every=1, epochs=1, batch_size=4,
               progress=False).fit()  # fmt: skip
    with (tmp_path / "run" / "config.json").open() as file:
        settings = json.load(file)
    settings["data"]["source"] = "ImageFolder('/home/me/secret/photos': 8 images, 2 classes)"
    (tmp_path / "run" / "config.json").write_text(json.dumps(settings))
    model.encoder.export(tmp_path / "known", run=tmp_path / "run")
    text = (tmp_path / "known" / "README.md").read_text()
    assert text.startswith('---\nlibrary_name: "timm"\n')
    for part in ("| objective | patch_discrimination |", "| epochs | 1 |", "Trained for 2 steps.",
                 "ImageFolder('photos': 8 images, 2 classes)", "% correct, at step 2."):  # fmt: skip
        assert part in text, part
    assert "secret" not in text
    model.encoder.export(tmp_path / "unknown")
    text = (tmp_path / "unknown" / "README.md").read_text()
    assert text.count("Not known.") == 2
    assert "epochs" not in text
    FOR_TIMM["offset"]().export(tmp_path / "other")
    text = (tmp_path / "other" / "README.md").read_text()
    assert "family 'dino'; how they were trained is not known" in text
    assert "'offset'" in text
    with pytest.raises(ValueError, match=r"other is not the folder of a run"):
        model.encoder.export(tmp_path / "none", run=tmp_path / "other")
    with pytest.raises(ValueError, match=r"run trained another encoder: its width is 48, here 24"):
        FOR_TIMM["offset"]().export(tmp_path / "none", run=tmp_path / "run")
    assert not (tmp_path / "none").exists()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lm.Trainer(lm.LatentMIM(**SMALL), lm.Arrays(pixels(4)), out=tmp_path / "run", epochs=1, batch_size=4,
               progress=False).fit()  # fmt: skip
    assert cli.main(["export", str(tmp_path / "run"), str(tmp_path / "out")]) == 0
    assert "model.safetensors: " in capsys.readouterr().out
    assert "| epochs | 1 |" in (tmp_path / "out" / "README.md").read_text()
    assert cli.main(["export", str(tmp_path / "run" / "encoder.safetensors"), str(tmp_path / "out")]) == 1
    assert "holds files" in capsys.readouterr().err


def laid_out(values: np.ndarray) -> dict[str, np.ndarray]:
    """The same shape in other memory."""
    wide = np.zeros((values.shape[0], 2 * values.shape[1], 3), np.float32)
    return {
        "as it is": values,
        "transposed": np.asarray(values.T, order="C").T,
        "sliced": np.array(np.repeat(values, 2, 1))[:, ::2],
        "backwards": np.asarray(values[::-1], order="C")[::-1],
        "of fortran": np.asarray(values, order="F"),
        "a column": _put(wide, values),
    }


def _put(wide: np.ndarray, values: np.ndarray) -> np.ndarray:
    view = wide[:, ::2, 1]
    view[:] = values
    return view


def test_written_arrays_come_back_bit_by_bit(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    values = np.random.default_rng(3).normal(size=(6, 10)).astype(np.float32)
    arrays = laid_out(values) | {"none": np.zeros((0, 3), np.float32), "one": np.float32(3.5).reshape(())}
    safetensors.save(tmp_path / "a.safetensors", arrays, {"format": "pt"})
    back = load_file(tmp_path / "a.safetensors")
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        assert back[name].shape == array.shape
        assert back[name].tobytes() == np.array(array).tobytes(), name


def test_arrays_handed_in_are_saved_bit_by_bit(tmp_path: Path) -> None:
    weights = pretrained.plain(np.random.default_rng(5), position_rows=1)
    saved = []
    for layout in laid_out(np.zeros((2, 2), np.float32)):
        other = {name: laid_out(value)[layout] if value.ndim == 2 else value for name, value in weights.items()}
        exported.read(other).save(tmp_path / "encoder.safetensors")
        saved.append((tmp_path / "encoder.safetensors").read_bytes())
    assert all(content == saved[0] for content in saved[1:])


def test_tensors_are_read_whole() -> None:
    encoder = FOR_TIMM["own"]()
    found = json.loads(native.encoder_description(encoder._handle))
    count = sum(int(np.prod(shape)) for _, shape in found["tensors"])
    for wrong in (0, count - 1, count + 1):
        with pytest.raises(ValueError, match=f"room for {wrong} numbers, wanted {count}"):
            native.encoder_read_tensors(encoder._handle, np.empty(wrong, np.float32))
