"""Makes operations.json: a small picture after each of RandAugment's operations by timm, and after others by Pillow.

Run with Pillow, NumPy and timm (its package without dependencies will do): python make_operations.py
"""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
from make_fixtures import picture
from PIL import Image, ImageOps

HERE = Path(__file__).parent
FILL = (124, 116, 104)
# timm's names for the operations that Swift's `RandAugment.Kind` has.
NAMES = {
    "autoContrast": "AutoContrast", "equalize": "Equalize", "invert": "Invert", "rotate": "Rotate",
    "posterize": "PosterizeIncreasing", "solarize": "SolarizeIncreasing", "solarizeAdd": "SolarizeAdd",
    "color": "ColorIncreasing", "contrast": "ContrastIncreasing", "brightness": "BrightnessIncreasing",
    "sharpness": "SharpnessIncreasing", "shearX": "ShearX", "shearY": "ShearY", "translateX": "TranslateXRel",
    "translateY": "TranslateYRel",
}  # fmt: skip


def timm_augment() -> Any:
    """Timm's auto_augment module alone: the package itself wants PyTorch."""
    package = importlib.util.find_spec("timm")
    assert package is not None
    path = Path(package.origin).parent / "data" / "auto_augment.py"
    spec = importlib.util.spec_from_file_location("auto_augment", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def hue(image: Image.Image, turn: float) -> Image.Image:
    """Torchvision's adjust_hue of a Pillow image."""
    h, s, v = image.convert("HSV").split()
    turned = np.array(h) + np.int32(turn * 255).astype(np.uint8)
    return Image.merge("HSV", (Image.fromarray(turned), s, v)).convert("RGB")


def main() -> None:
    timm = timm_augment()
    # A gradient, too little contrast for the full range, and enough pixels for equalize to have steps.
    colour = Image.fromarray((picture(17, 19) * 0.8 + np.arange(19)[:, None]).astype(np.uint8))
    cases = []
    for mode in ("RGB", "L"):
        image = colour.convert(mode)
        fill = FILL if mode == "RGB" else FILL[0]
        for name, timm_name in NAMES.items():
            moves = name in ("rotate", "shearX", "shearY", "translateX", "translateY")
            fixed = name in ("autoContrast", "equalize", "invert")
            turns = moves or name in ("color", "contrast", "brightness", "sharpness")
            for magnitude in (9.0,) if fixed else (9.71,) if mode == "L" else (4.3, 9.71):
                for sign in (1, -1) if turns else (1,):
                    for sampling in ("bilinear", "bicubic") if moves else ("bilinear",):
                        timm._randomly_negate = lambda value, sign=sign: sign * value
                        hparams = {"img_mean": fill, "interpolation": Image.Resampling[sampling.upper()]}
                        operation = timm.AugmentOp(timm_name, prob=1, magnitude=magnitude, hparams=hparams)
                        case = {"kind": name, "magnitude": magnitude, "negative": sign < 0, "sampling": sampling}
                        cases.append(case | {"mode": mode, "levels": operation(image).tobytes().hex()})
    others = {f"hue {turn}": hue(colour, turn) for turn in (-0.5, -0.1, 0.03, 0.31)}
    others |= {"gray": ImageOps.grayscale(colour).convert("RGB"), "solarize": ImageOps.solarize(colour)}
    found = {
        "height": 17, "width": 19, "colour": colour.tobytes().hex(), "grey": colour.convert("L").tobytes().hex(),
        "cases": cases, "others": [[name, image.tobytes().hex()] for name, image in others.items()],
    }  # fmt: skip
    (HERE / "operations.json").write_text(json.dumps(found, indent=0) + "\n")


if __name__ == "__main__":
    main()
