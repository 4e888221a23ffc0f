"""README.md of an exported encoder: what is known of it, and nothing else."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

from latentmim import _arrays
from latentmim import _latentmim as _native
from latentmim.runs import RunFolder, read_metrics

if TYPE_CHECKING:
    from latentmim._arrays import PathLike
    from latentmim.export.kind import Kind
    from latentmim.export.network import Network

__all__ = ["card"]

# What makes a method, of a model's options and a run's.
METHOD = ("objective", "target_encoder", "decoder", "mask", "masked_input", "projector")
TRAINING = ("epochs", "batch_size", "base_learning_rate", "weight_decay", "crop_area", "precision", "seed")


def card(network: Network, kind: Kind, run: PathLike | None) -> str:
    """The text of a card, with a head in YAML.

    Args:
        network: of the encoder.
        kind: the module of the format.
        run: the folder of the run that trained it; its data and scores are told.

    Raises:
        OSError: the run cannot be read.
        ValueError: it is none, or is of an encoder of other sizes.

    Examples:
        >>> from latentmim.export import timm_folder
        >>> from latentmim.export.card import card
        >>> from latentmim.export.network import network_of
        >>> "timm" in card(network_of(encoder), timm_folder, None)
        True

    """
    settings, lines = ({}, []) if run is None else _run(network, run)
    head = "\n".join(f"{key}: {json.dumps(value)}" for key, value in kind.metadata(network).items())
    sections = {
        "Use": [kind.usage(network), _list(_pixels(network) + kind.notes(network))],
        "Method": _method(network, settings, lines),
        "Data": _data(settings),
        "Scores": _scores(lines),
    }
    text = "".join(f"\n## {title}\n\n" + "\n\n".join(parts) + "\n" for title, parts in sections.items())
    return f"---\n{head}\n---\n\n# {_title(network)}\n\n{_sizes(network)}\n{text}"


def _run(network: Network, run: PathLike) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    folder = RunFolder(run)
    settings = folder.settings()
    if settings is None or "model" not in settings or "data" not in settings:
        raise ValueError(f"run: {_arrays.shown(folder.path)} is not the folder of a run: no config.json of one")
    config = network.config.to_dict()
    for name in ("width", "depth", "patch_size"):
        if settings["model"].get(name) != config[name]:
            there = settings["model"].get(name)
            raise ValueError(
                f"run: {_arrays.shown(folder.path)} trained another encoder: its {name} is {there}, here {config[name]}"
            )
    return settings, read_metrics(folder.metrics) if os.path.exists(folder.metrics) else []


def _title(network: Network) -> str:
    config = network.config
    return f"Vision transformer, {config.width} wide, {config.depth} deep, patches of {config.patch_size}"


def _sizes(network: Network) -> str:
    config, (height, width) = network.config, network.config.image_size
    leading = ["a class token"] * network.class_token + [f"{network.registers} registers"] * (network.registers > 0)
    norm = {
        "tokens": "The final norm is applied to all tokens.",
        "pooled": "The final norm is one of the mean of patches; tokens stay as the last block gives them.",
        "none": "There is no final norm.",
    }[network.final_norm]
    return (
        f"{config.heads} heads, {config.channels} channels, trained at {height} × {width} pixels"
        f"{' with ' + ' and '.join(leading) if leading else ''}. {norm} Exported by latentmim {_native.version()}."
    )


def _pixels(network: Network) -> list[str]:
    def text(numbers: tuple[float, ...]) -> str:
        return ", ".join(f"{number:g}" for number in numbers)

    return [f"Pixels in 0 … 1, minus {text(network.config.mean)}, divided by {text(network.config.std)}."]


def _method(network: Network, settings: dict[str, Any], lines: list[dict[str, Any]]) -> list[str]:
    if network.family != "latentmim":
        return [f"Weights of the family '{network.family}'; how they were trained is not known here."]
    config = network.config.to_dict()
    options = {name: config[name] for name in METHOD}
    options["grid, visible"] = f"{config['grid']}, {config['num_visible']}"
    training = {name: settings["training"][name] for name in TRAINING if name in settings.get("training", {})}
    done = [f"Trained for {lines[-1]['step']} steps."] if lines else []
    return ["Masked image modelling in latent space. Options as stored with the weights:",
            _table(options | training), *done]  # fmt: skip


def _data(settings: dict[str, Any]) -> list[str]:
    data = settings.get("data")
    if not data:
        return ["Not known."]
    # Folders of the machine it was trained on are nobody's business.
    source = re.sub(r"'[^']*/([^/']+)/?'", r"'\1'", str(data.get("source", "")))
    return [source, f"{data['images']} images." if "images" in data else ""]


def _scores(lines: list[dict[str, Any]]) -> list[str]:
    scored = [line for line in lines if isinstance(line.get("nn_accuracy"), float)]
    if not scored:
        return ["None were computed while it was trained."] if lines else ["Not known."]
    last = scored[-1]
    return [
        f"Nearest neighbour among the other images of the validation set: {100 * last['nn_accuracy']:.1f} % correct, "
        f"at step {last['step']}."
    ]


def _table(options: dict[str, Any]) -> str:
    rows = [f"| {name} | {value} |" for name, value in options.items()]
    return "\n".join(["| option | value |", "|---|---|", *rows])


def _list(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
