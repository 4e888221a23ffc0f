"""What eight bits cost: tokens of photographs against float32, beside other libraries' int8; accuracies of our own.

    python python/benchmarks/quantisation.py dinov2_vits14.safetensors --photographs photographs/ --write-docs
    python python/benchmarks/quantisation.py dinov2_vits14.safetensors runs/first --labelled groceries/ --write-docs

Tokens are compared for the first encoder alone. `--labelled` is a folder with `train` and `test`, and in both a folder
for each class.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import documents
import environment
import latentmim as lm
import machine
from alternate import Skipped, Worker
from run import DOCUMENT

# What others make of the encoder; the names of jobs/quantised_tokens.py.
OTHERS = {
    "float32": "ONNX Runtime float32",
    "dynamic": "ONNX Runtime int8, dynamic, per channel",
    "static": "ONNX Runtime int8, calibrated on the photographs, per channel",
    "nncf": "OpenVINO int8, NNCF calibrated on the photographs",
}


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("encoders", type=Path, nargs="+", help="as lm.load_encoder reads them")
    parser.add_argument("--photographs", type=Path, metavar="FOLDER", help="of images: where tokens are compared")
    parser.add_argument("--labelled", type=Path, metavar="FOLDER", help="where accuracies are scored")
    parser.add_argument("--size", type=int, default=224, help="pixels of sides (default: 224)")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--environment", type=Path, default=environment.FOLDER / ".venv", help="of the others")
    parser.add_argument("--write-docs", action="store_true", help=f"write the tables into {DOCUMENT.name}")
    return parser.parse_args()


def cosines(found: Any, wanted: Any) -> Any:
    """Token by token."""
    found, wanted = (np.asarray(tokens, np.float64) for tokens in (found, wanted))
    lengths = np.linalg.norm(found, axis=-1) * np.linalg.norm(wanted, axis=-1)
    return ((found * wanted).sum(-1) / lengths).ravel()


def row(name: str, found: Any, wanted: Any) -> str:
    """A line of the tokens' table."""
    values = cosines(found, wanted)
    numbers = (values.mean(), np.median(values), np.quantile(values, 0.001), values.min())
    return f"| {name} | {' | '.join(f'{number:.4f}' for number in numbers)} |"


def tokens_table(arguments: argparse.Namespace, folder: Path) -> Iterator[str]:
    """Ours and the others' against our float32."""
    encoder = lm.load_encoder(arguments.encoders[0])
    images = lm.ImageFolder(arguments.photographs, channels=encoder.config.channels).resized(arguments.size)
    wanted = encoder.features(images)
    count = (
        f"{len(images)} photographs at {arguments.size}×{arguments.size}, {wanted.shape[0] * wanted.shape[1]:,} tokens"
    )
    yield f"**{arguments.encoders[0].name}, {count} against float32**"
    yield ""
    yield "| | mean cosine | median | 1 of 1,000 is below | worst |"
    yield "|---|---|---|---|---|"
    for precision in lm.runtime.feature_precisions()[1:]:
        yield row(f"latentmim {precision}", encoder.features(images, precision=precision), wanted)
    encoder.export(folder / "onnx", format="onnx")
    (folder / "onnx" / "model.onnx").rename(folder / "encoder.onnx")
    np.savez(folder / "inputs.npz", images=np.ascontiguousarray(images.transpose(0, 3, 1, 2)), batch=1)
    for way, name in OTHERS.items():
        try:
            found = others_tokens(way, arguments, folder)
        except Skipped as reason:
            print(f"left out: {name}: {reason}", file=sys.stderr, flush=True)
            continue
        yield row(name, found[:, -wanted.shape[1] :], wanted)


def others_tokens(way: str, arguments: argparse.Namespace, folder: Path) -> Any:
    """Computed in the others' environment. Raises Skipped."""
    print(f"{OTHERS[way]} …", file=sys.stderr, flush=True)
    job = {
        "module": "jobs.quantised_tokens",
        "way": way,
        "folder": str(folder),
        "threads": arguments.threads,
        "warm_up": 0,
    }
    python = environment.python(arguments.environment)
    Worker(python, job, environment.variables(arguments.threads, None), folder / "log").close()
    return np.load(folder / f"{way}.npy")


def accuracy_table(arguments: argparse.Namespace) -> Iterator[str]:
    """Nearest neighbours within the test set, and a linear probe learnt on the training set."""
    size = arguments.size
    yield f"**accuracy on {arguments.labelled.name} at {size}×{size}, per cent**"
    yield ""
    yield "| | precision | nearest neighbour | linear probe |"
    yield "|---|---|---|---|"
    for path in arguments.encoders:
        encoder = lm.load_encoder(path)
        parts = [lm.ImageFolder(arguments.labelled / part) for part in ("train", "test")]
        if parts[0].classes != parts[1].classes:
            raise SystemExit(f"{arguments.labelled}: train and test have other classes")
        for precision in lm.runtime.feature_precisions():
            train, test = (
                lm.evaluate.Features(lm.evaluate.features(encoder, part, size=size, precision=precision), part.labels)
                for part in parts
            )
            nearest = lm.evaluate.nearest_neighbor(None, test, progress=False)
            linear = lm.evaluate.linear_probe(None, train, test, progress=False)
            yield f"| {path.name} | {precision} | {100 * nearest.accuracy:.1f} | {100 * linear.accuracy:.1f} |"


def main() -> None:
    arguments = parsed()
    lm.set_thread_count(arguments.threads)
    tables: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory(prefix="latentmim-quantisation-") as folder:
        if arguments.photographs:
            tables["quantisation"] = list(tokens_table(arguments, Path(folder)))
    if arguments.labelled:
        tables["quantisation accuracy"] = list(accuracy_table(arguments))
    for mark, lines in tables.items():
        text = "\n".join(lines)
        print(f"{text}\n", flush=True)
        if arguments.write_docs:
            documents.replace(DOCUMENT, mark, f"    {documents.command()}\n\n{machine.sentence()}.\n\n{text}")


if __name__ == "__main__":
    main()
