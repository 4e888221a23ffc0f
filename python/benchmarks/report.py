"""Tables of what was measured, for the terminal and for docs/performance.md."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass
from typing import Any

import work
from alternate import BUSY, Series
from compare import PEAK, Comparison, Heat
from contenders import PRECISIONS, Contender


@dataclass
class Line:
    """One contender's figures on one workload, over all heats it ran in."""

    contender: Contender
    seconds: list[float]
    ratios: list[float]
    memory: int
    memory_ratio: float | None
    foreign: float
    shares: list[float]
    facts: dict[str, Any]


def ratios_of(other: Series, own: Series) -> list[float]:
    """How many times as long the other took, turn by turn."""
    return [theirs / ours for theirs, ours in zip(other.seconds, own.seconds, strict=True)]


def own_series(heat: Heat, contender: Contender, case: str) -> Series | None:
    """The library's series in the same heat, of the same precision and case, all in that precision."""
    same = (contender.precision, case)
    found = [s for (c, k), s in heat.series.items() if c.is_own and not c.mode and (c.precision, k) == same]
    return found[0] if found else None


def peak_of(heat: Heat, precision: str) -> float | None:
    """The machine's limit as measured in this heat, FLOP/s."""
    series = heat.series.get((PEAK, precision))
    return 1e9 * max(series.values) if series and series.values else None


def lines_of(comparison: Comparison, case: str = "", flops: float = 0) -> list[Line]:
    """Every contender's line on a case, the library's first within each precision, the others fastest first."""
    lines: dict[Contender, Line] = {}
    for heat in comparison.heats:
        for (contender, name), series in heat.series.items():
            if contender is PEAK or name != case:
                continue
            line = lines.setdefault(contender, Line(contender, [], [], 0, None, 0.0, [], series.facts))
            line.seconds += series.seconds
            line.memory = max(line.memory, series.memory)
            line.foreign = max(line.foreign, statistics.median(series.foreign))
            ours, peak = own_series(heat, contender, case), peak_of(heat, contender.precision)
            if ours and not contender.is_own:
                line.ratios += ratios_of(series, ours)
                line.memory_ratio = ours.memory / series.memory
            if peak and flops:
                line.shares += [flops / seconds / peak for seconds in series.seconds]

    def order(line: Line) -> tuple[int, bool, float]:
        return PRECISIONS.index(line.contender.precision), not line.contender.is_own, statistics.median(line.seconds)

    return sorted(lines.values(), key=order)


def optional(values: list[float], form: str) -> str:
    """The median, or a dash."""
    return form.format(statistics.median(values)) if values else "–"


def image_table(comparison: Comparison) -> str:
    """Contender by contender: images/s, share of the peak, memory, and how the library stands to it."""
    workload = comparison.workload
    flops = workload.batch * workload.flops(comparison.config) if workload.flops else 0
    rows = [
        "| | precision | images/s (median; min … max) | of peak | latentmim is | peak memory | latentmim takes |",
        "|---|---|---|---|---|---|---|",
    ]
    for line in lines_of(comparison, flops=flops):
        low, middle, high = (workload.batch / f(line.seconds) for f in (max, statistics.median, min))
        digits = 1 if middle >= 20 else 2
        share = f"{line.memory_ratio:.2f} ×" if line.memory_ratio else "–"
        rows.append(
            f"| {line.contender.name}{' †' if line.foreign > BUSY else ''} | {line.contender.precision} "
            f"| {middle:.{digits}f} ({low:.{digits}f} … {high:.{digits}f}) | {optional(line.shares, '{:.0%}')} "
            f"| {optional(line.ratios, '{:.2f} ×')} | {line.memory / 2**30:.2f} GiB | {share} |"
        )
    work_text = f"{flops / workload.batch / 1e9:.1f} GFLOP an image. " if flops else ""
    return "\n".join([f"**{workload.title}**", "", *rows, "", work_text + remarks(comparison)]).rstrip()


def product_table(comparison: Comparison) -> str:
    """Shape by shape: GFLOP/s of every contender, its share of the peak in brackets."""
    names: list[Contender] = []
    cells: dict[str, dict[Contender, str]] = {}
    for case, (_, *shape) in comparison.workload.cases.items():
        flops = work.product(*shape)
        for line in lines_of(comparison, case, flops):
            names += [line.contender] if line.contender not in names else []
            share = f" ({optional(line.shares, '{:.0%}')})" if line.shares else ""
            speed = flops / statistics.median(line.seconds) / 1e9
            cells.setdefault(case, {})[line.contender] = f"{speed:.0f}{share}"
    head = [f"{contender.name} {contender.precision}" for contender in names]
    rows = [f"| M, N, K | {' | '.join(head)} |", "|---|" + "---|" * len(names)]
    rows += [f"| {case} | {' | '.join(found.get(c, '–') for c in names)} |" for case, found in cells.items()]
    text = "GFLOP/s. forward: X·Wᵀ, input: dY·W, weight: dYᵀ·X, with X [M,K], W [N,K], dY [M,N]. "
    return "\n".join([f"**{comparison.workload.title}**", "", *rows, "", text + remarks(comparison)]).rstrip()


def remarks(comparison: Comparison) -> str:
    """The peak, who is missing and why, and whether others disturbed."""
    texts = []
    for precision in PRECISIONS:
        peaks = [peak for heat in comparison.heats if (peak := peak_of(heat, precision))]
        texts += [f"Peak in {precision}: {max(peaks) / 1e9:.0f} GFLOP/s."] if peaks else []
    texts += [f"Left out: {name} ({reason})." for name, reason in comparison.skipped.items()]
    texts += [fastest_others(comparison)] if comparison.workload.options else []
    if any(line.foreign > BUSY for case in comparison.workload.cases or [""] for line in lines_of(comparison, case)):
        texts.append(f"† other programs took more than {BUSY:.0%} of the machine meanwhile.")
    return " ".join(texts)


def fastest_others(comparison: Comparison) -> str:
    """How the library stands to the fastest of all others, and how far all differ from it."""
    texts = []
    others = [line for line in lines_of(comparison) if not line.contender.is_own]
    for precision in PRECISIONS:
        for tcmalloc in (False, True):
            chosen = [o for o in others if o.contender.precision == precision and o.contender.tcmalloc == tcmalloc]
            if chosen and chosen[0].ratios:
                ratio, name = optional(chosen[0].ratios, "{:.2f}"), chosen[0].contender.name
                texts.append(
                    f"In {precision} latentmim is {ratio} × the fastest other{' with tcmalloc' * tcmalloc} ({name})."
                )
        errors = [o.facts["error"] for o in others if o.contender.precision == precision and "error" in o.facts]
        if errors:
            kind = "loss" if comparison.workload.kind == "step" else "features, relative to their size"
            texts.append(f"Largest difference of {precision} from the library's float32 ({kind}): {max(errors):.1g}.")
    return " ".join([*texts, *gains_of_int8(comparison)])


def gains_of_int8(comparison: Comparison) -> list[str]:
    """How the library's forms with eight bits stand to whatever ran in turn with them in floats, itself first."""
    gains: dict[tuple[Contender, Contender], list[float]] = {}
    seconds: dict[Contender, list[float]] = {}
    for heat in comparison.heats:
        series = {contender: series for (contender, _), series in heat.series.items() if contender is not PEAK}
        forms = [c for c in series if c.is_own and (c.mode or c.precision == "int8")]
        others = [c for c in series if c.precision != "int8" and not (c.is_own and c.mode)]
        for form, other in itertools.product(forms, others):
            gains.setdefault((form, other), []).extend(ratios_of(series[other], series[form]))
            seconds.setdefault(other, []).extend(series[other].seconds)
    by_speed = sorted(seconds, key=lambda other: (not other.is_own, statistics.median(seconds[other])))
    return [
        f"latentmim {form.precision}{f', {form.mode}' if form.mode else ''} is "
        + ", ".join(
            f"{statistics.median(gains[form, other]):.2f} × "
            f"{'its own' if other.is_own else other.name} {other.precision}"
            for other in by_speed
            if (form, other) in gains
        )
        + "."
        for form in dict.fromkeys(form for form, _ in gains)
    ]


def table(comparison: Comparison) -> str:
    """The workload's table in Markdown."""
    return product_table(comparison) if comparison.workload.cases else image_table(comparison)


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Everything that was measured, nothing left out."""
    return {
        "row": comparison.workload.row,
        "title": comparison.workload.title,
        "config": comparison.config,
        "batch": comparison.workload.batch,
        "flops_per_image": comparison.workload.flops(comparison.config) if comparison.workload.flops else None,
        "skipped": comparison.skipped,
        "heats": [
            [
                {"contender": c.name, "precision": c.precision, "case": case} | vars(series)
                for (c, case), series in heat.series.items()
            ]
            for heat in comparison.heats
        ],
    }
