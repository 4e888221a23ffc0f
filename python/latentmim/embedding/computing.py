"""Features of many images, in memory or into a file, where a second call goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

import numpy as np

from latentmim import _arrays, _files, _rows, runtime
from latentmim import _latentmim as _native
from latentmim._warnings import warn
from latentmim.distributed import Ranks, filled
from latentmim.embedding import formats
from latentmim.embedding.parts import Parts
from latentmim.embedding.result import Embedding
from latentmim.embedding.sources import Source
from latentmim.encoder import require_encoder
from latentmim.evaluate.features import FeatureOptions, feature_options
from latentmim.names import refuse_unknown
from latentmim.progress import bar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from latentmim._arrays import FloatArray, PathLike
    from latentmim._rows import Compute
    from latentmim.embedding.sources import Images
    from latentmim.encoder import Encoder

__all__ = ["Plan", "embed", "embedded", "plan_of"]

# Images between two looks at the clock, fewest and most: as many as take a few seconds.
STEPS = (4, 64)


class Plan(NamedTuple):
    """What is computed: options as the core reads them, the kind of the rows, numbers in one, and its shape.

    Examples:
        >>> from latentmim.embedding.computing import plan_of
        >>> plan_of(encoder, {}).kind
        'vectors'

    """

    options: str
    kind: str
    width: int
    shape: tuple[int, ...]


def embed(
    encoder: Encoder,
    data: Images,
    out: PathLike | None = None,
    *,
    restart: bool = False,
    progress: bool = True,
    comm: Any = None,
    **options: Unpack[FeatureOptions],
) -> Embedding:
    """One vector for each image, or its tokens, with paths and labels; in memory, or in a file for other programs.

    With `out`, what is computed goes to a folder of parts beside it, `OUT.parts`, at least four times a minute, and is
    joined at the end. Whatever ends the program, the same call goes on where it stopped; `Embedding.load(OUT.parts)`
    reads what is there.

    Args:
        encoder: whose features.
        data: a data set, the path of a folder, a packed file or an image, paths of images, an array [N, H, W, C] or a
            list of [H, W, C], whose sizes may differ; pixels uint8 in 0 … 255 or float in 0 … 1.
        out: the file to write, by its ending: .npz, .npy (numbers alone), .csv (vectors only) or .parquet (needs
            pyarrow, `latentmim[parquet]`). It is written whole or not at all, and replaced where it is there.
        restart: whether parts that an unfinished call left are thrown away.
        progress: whether a bar is shown.
        comm: of mpi4py, whose ranks compute together, all by the same call; rank 0 alone writes, all get the result.
        options: `size`, `short_side`, `layer`, `part`, `stride`, `norm`, `projector`, `pooling`, `pooling_k`,
            `precision` and `extend_positions` as in `latentmim.evaluate.features`, defaults included: mean patches in
            front of the final norm. `pooling="patches"` or "tokens" keeps a vector for each patch.

    Raises:
        ValueError: an unknown option, ending or layer, a size that patches do not fill, tokens for a .csv file; parts
            that another encoder, other images or options left (which are named).
        TypeError: `encoder` is none, or pixels are of another type.
        OSError: `out` cannot be written, or an image cannot be read.
        BlockingIOError: another process writes there.
        ImportError: pyarrow is missing.
        KeyboardInterrupt: on Ctrl-C, once what is computed is on the disk; it says how much that is.

    Examples:
        >>> found = lm.embed(encoder, photos, "photos.csv", pooling="mean", progress=False)
        >>> found.vectors.shape, found.labels[:3]
        ((28, 48), array([0, 0, 1]))

    """
    ranks = Ranks(comm)
    with ranks.agreeing():
        require_encoder(encoder)
        plan, source = plan_of(encoder, options), Source(data, encoder.config.channels)
        place = None if out is None else _arrays.path(out)
        if place is not None:
            formats.of(place).check(place, plan.kind)
    ranks.share_processors()
    compute = source.compute(encoder, plan.options)

    def lead(fill: Compute) -> tuple[Embedding, list[int]]:
        if place is None:
            return _in_memory(source, plan, fill, progress, ranks.size)
        return _in_file(place, encoder, source, plan, fill, restart, progress, ranks.size)

    found: tuple[Embedding, list[int]] = filled(ranks, compute, plan.width, lead)
    if ranks.is_root:
        _warn(source, found[1])
    return found[0]


def embedded(encoder: Encoder, data: Images, plan: Plan) -> FloatArray:
    """[N, …], without a bar.

    Examples:
        >>> from latentmim.embedding.computing import embedded, plan_of
        >>> embedded(encoder, photos[:2], plan_of(encoder, {})).shape
        (2, 48)

    """
    source = Source(data, encoder.config.channels)
    values = _rows_of(source, plan, source.compute(encoder, plan.options), False)
    _warn(source, _unread(values))
    return values


def plan_of(encoder: Encoder, options: Any) -> Plan:
    """What options of `embed` ask for. Raises ValueError for those that this encoder does not have.

    Examples:
        >>> from latentmim.embedding.computing import plan_of
        >>> plan_of(encoder, {"pooling": "cls"}).width
        48

    """
    refuse_unknown("embed", options, FeatureOptions.__annotations__)
    if options.get("precision") == "auto":
        # What is gone on with elsewhere stays what it was.
        options = options | {"precision": runtime.precisions()[-1]}
    text = feature_options(encoder, **options)
    layer, is_dense = options.get("layer"), options.get("pooling") in ("patches", "tokens")
    layers = len(layer) if isinstance(layer, Sequence | np.ndarray) else None
    width, shape = _rows.shape(encoder, text, is_dense, layers)
    return Plan(text, "tokens" if is_dense else "vectors", width, shape)


def _identity(encoder: Encoder, source: Source, plan: Plan) -> dict[str, Any]:
    """What a call that goes on must have alike: of the encoder, of the images, each option."""
    return {
        "encoder": f"{encoder!r} {_native.encoder_fingerprint(encoder._handle)}",
        **{f"images ({name})": value for name, value in source.fingerprint().items()},
        **json.loads(plan.options),
    }


def _rows_of(source: Source, plan: Plan, compute: Compute, progress: bool, ranks: int = 1) -> FloatArray:
    numbers = np.arange(len(source), dtype=np.int64)
    rows = _rows.in_memory(numbers, plan.width, compute, "embedding", progress, ranks)
    return rows.reshape(len(source), *plan.shape)


def _in_memory(source: Source, plan: Plan, compute: Compute, progress: bool, ranks: int) -> tuple[Embedding, list[int]]:
    """All rows, and the numbers of those that cannot be read."""
    values = _rows_of(source, plan, compute, progress, ranks)
    return Embedding(plan.kind, source.known, values.shape, values), _unread(values)


def _in_file(
    place: str,
    encoder: Encoder,
    source: Source,
    plan: Plan,
    compute: Compute,
    restart: bool,
    progress: bool,
    ranks: int,
) -> tuple[Embedding, list[int]]:
    """The same, written."""
    parts = Parts(place, _identity(encoder, source, plan), source.known, plan.kind, restart=restart)
    try:
        with parts:
            _compute(source, plan, parts, compute, progress, ranks)
            unread: list[int] = []
            with _files.written_whole(place) as file:
                blocks = _noting(parts.blocks(), unread)
                formats.of(place).write(file, plan.kind, plan.shape, source.known, len(source), blocks)
            parts.remove()
    except KeyboardInterrupt:
        done = f"{parts.count} of {len(source)} images are in {_arrays.shown(parts.folder)}"
        rest = f"{done}, and the same call goes on from there" if parts.count else "nothing was computed yet"
        raise KeyboardInterrupt(f"stopped; {rest}") from None
    return Embedding(plan.kind, source.known, (len(source), *plan.shape), file=place), unread


def _compute(source: Source, plan: Plan, parts: Parts, compute: Compute, progress: bool, ranks: int) -> None:
    total, (step, most) = len(source), (ranks * images for images in STEPS)
    with bar(total, "embedding", "image", is_shown=progress, leave=False, initial=parts.count) as shown:
        while parts.count < total:
            began = time.monotonic()
            numbers = np.arange(parts.count, min(parts.count + step, total), dtype=np.int64)
            rows = np.empty((len(numbers), plan.width), np.float32)
            compute(numbers, rows)
            parts.add(rows.reshape(len(rows), *plan.shape))
            shown.update(len(rows))
            seconds = time.monotonic() - began
            step = min(2 * step, most) if seconds < 1 else max(step // 2, ranks * STEPS[0]) if seconds > 4 else step


def _noting(blocks: Iterator[FloatArray], unread: list[int]) -> Iterator[FloatArray]:
    """The same blocks; the numbers of rows of NaN are noted."""
    count = 0
    for block in blocks:
        unread += (number + count for number in _unread(block))
        count += len(block)
        yield block


def _unread(rows: FloatArray) -> list[int]:
    """The numbers of rows of NaN."""
    numbers: list[int] = np.flatnonzero(np.isnan(rows.reshape(len(rows), -1)[:, 0])).tolist()
    return numbers


def _warn(source: Source, unread: list[int]) -> None:
    if not unread:
        return
    paths = source.known.paths
    named = [_arrays.shown(paths[number]) if paths else f"image {number}" for number in unread[:3]]
    rest = " and others" if len(unread) > 3 else ""
    warn(f"embed: {len(unread)} of {len(source)} images cannot be read, their rows are NaN: {', '.join(named)}{rest}")
