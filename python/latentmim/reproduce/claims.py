"""Which of the paper's orderings appear in our numbers, judged against the spread."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from latentmim.reproduce.rows import MEASURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latentmim.reproduce.results import Results
    from latentmim.reproduce.rows import Claim, Experiment

__all__ = ["Status", "Verdict", "judge", "paragraph"]

Status = Literal["appears", "does not appear", "is reversed", "within the spread", "not measured"]

# A difference counts if it is more than so many of its standard errors.
ERRORS = 2.0
# The paper's naive model has a mean cosine of 1.00 between images, the others .99 and less.
COLLAPSED = 0.995


@dataclass(frozen=True)
class Verdict:
    """What our numbers say to a claim.

    Attributes:
        claim: the claim.
        measure: by which score, as in the table's title.
        status: whether it shows.
        detail: the numbers, or why there are none.

    """

    claim: Claim
    measure: str
    status: Status
    detail: str


def judge(claim: Claim, results: Results, test_images: int, curve_images: int) -> list[Verdict]:
    """A verdict for each score that both rows have; one that says so where there is none.

    A mean's standard error is the larger of that over seeds and that of the share of so many held-out images.
    """
    if claim.kind == "collapse":
        return [_judge_collapse(claim, results)]
    if claim.kind == "late_drop":
        return [_judge_drop(claim, results, curve_images)]
    verdicts = []
    for measure, title in MEASURES.items():
        better, worse = (results.values(key, measure) for key in (claim.better, claim.worse))
        if better and worse:
            error = math.hypot(*(_standard_error(values, test_images) for values in (better, worse)))
            difference = statistics.fmean(better) - statistics.fmean(worse)
            detail = f"{_percent(better)} against {_percent(worse)}"
            verdicts.append(Verdict(claim, title, _status(difference, error), detail))
    return verdicts or [Verdict(claim, "scores", "not measured", _missing(claim, results))]


def _judge_collapse(claim: Claim, results: Results) -> Verdict:
    values = results.values(claim.better, "similarity")
    if not values:
        return Verdict(claim, "Sim.", "not measured", _missing(claim, results))
    mean = statistics.fmean(values)
    status: Status = "appears" if mean >= COLLAPSED else "does not appear"
    wanted = f"{COLLAPSED} or more is called collapse"
    return Verdict(claim, "Sim.", status, f"mean cosine between images {mean:.3f}; {wanted}")


def _judge_drop(claim: Claim, results: Results, curve_images: int) -> Verdict:
    best, last = (results.values(claim.better, measure) for measure in ("nn_best", "nn_last"))
    if not best or not last:
        return Verdict(claim, "NN", "not measured", _missing(claim, results))
    error = math.hypot(*(_standard_error(values, curve_images) for values in (best, last)))
    drop = statistics.fmean(best) - statistics.fmean(last)
    # The best of a curve is never below its last: there is nothing to be reversed.
    status: Status = "appears" if drop > ERRORS * error else "does not appear"
    return Verdict(claim, "NN", status, f"best {_percent(best)}, at the end {_percent(last)}")


def paragraph(experiment: Experiment, results: Results, test_images: int, curve_images: int) -> str:
    """All claims of an experiment in Markdown: a list, and how many appear."""
    if not experiment.claims:
        return ""
    verdicts = [judge(claim, results, test_images, curve_images) for claim in experiment.claims]
    lines = []
    for claim, found in zip(experiment.claims, verdicts, strict=True):
        parts = (f"{verdict.measure} **{verdict.status}** ({verdict.detail})" for verdict in found)
        lines.append(f"- {claim.text}: {'; '.join(parts)}.")
    firsts = [found[0].status for found in verdicts]
    counts: list[tuple[Status, str]] = [
        ("appears", "appear"),
        ("does not appear", "not"),
        ("is reversed", "reversed"),
        ("within the spread", "within the spread"),
        ("not measured", "not measured"),
    ]
    said = ", ".join(f"{firsts.count(status)} {words}" for status, words in counts if status in firsts)
    rule = (
        f"A difference counts when it exceeds {ERRORS:g} standard errors, each the larger of that over seeds and that "
        f"of {test_images:,} held-out images."
    )
    head = f"Of {len(firsts)} orderings of the paper, by the first score of each: {said}. {rule}"
    return "\n".join([head, "", *lines])


def _status(difference: float, error: float) -> Status:
    if abs(difference) <= ERRORS * error:
        return "within the spread"
    return "appears" if difference > 0 else "is reversed"


def _standard_error(values: Sequence[float], images: int) -> float:
    """Of a mean accuracy. Seeds share the images: these count as one draw."""
    mean = statistics.fmean(values)
    sampled = math.sqrt(max(0.0, mean * (1 - mean)) / images)
    seeds = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return max(sampled, seeds)


def _percent(values: Sequence[float]) -> str:
    return f"{100 * statistics.fmean(values):.1f}"


def _missing(claim: Claim, results: Results) -> str:
    """Why a claim cannot be judged."""
    reasons = []
    for key in filter(None, (claim.better, claim.worse)):
        failures = results.failures(key, "nn")
        if failures:
            reasons.append(f"{key} {next(iter(failures.values())).partition(':')[0]}")
        elif not results.values(key, "nn"):
            reasons.append(f"{key} not run")
    return ", ".join(reasons) or "no such number"
