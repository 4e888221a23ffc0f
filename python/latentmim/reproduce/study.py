"""A study from beginning to end: planned, trained row after row and seed after seed, written after each."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from typing import TYPE_CHECKING, Any

from latentmim import _arrays
from latentmim.reproduce import figures, unlabelled
from latentmim.reproduce.experiments import EXPERIMENTS
from latentmim.reproduce.models import digest
from latentmim.reproduce.planning import plan
from latentmim.reproduce.report import orderings, report, setting
from latentmim.reproduce.results import Results
from latentmim.reproduce.running import Runner, Scoring
from latentmim.reproduce.scale import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from latentmim.encoder import Encoder
    from latentmim.reproduce.data import LabelledSet
    from latentmim.reproduce.planning import Request
    from latentmim.reproduce.rows import Experiment, Row

__all__ = ["Study"]

ALL_SEEDS = (1, 2, 3)


class Study:
    """Experiments that share a scale, and so can share runs.

    The folder holds study.json (the scale), results.jsonl (every number), runs/ROW/seed-N/ (the runs), for each
    experiment NAME.md and NAME-curves.png, orderings.md (what the paper's figures show, and ours, for all experiments
    that are there), without_labels.md (how far scores without labels order the runs as NN and the linear probe do), and
    progression.png when the stages of Fig. 1 are there.

    Args:
        out: the folder; a study that is there is gone on with, at its scale.
        data: what rows learn from and are scored on.
        scoring: how.
        source: the part of a command line that names data and scoring; tables say how to make them again, if given.
        progress: whether bars and lines are shown.

    """

    def __init__(
        self,
        out: str,
        data: LabelledSet,
        scoring: Scoring,
        *,
        source: Sequence[str] | None = None,
        progress: bool = True,
    ) -> None:
        out = _arrays.path(out)
        self.out, self.data, self.scoring, self._source, self._progress = out, data, scoring, source, progress
        self.results = Results(os.path.join(out, "results.jsonl"))
        self._file = os.path.join(out, "study.json")

    def run(
        self,
        experiments: Sequence[Experiment],
        request: Request,
        *,
        asked: Sequence[str] = (),
        seeds: Sequence[int] | None = None,
        keys: Sequence[str] | None = None,
    ) -> list[str]:
        """Train and score what is missing, all rows with one seed before any with the next.

        Args:
            experiments: whose rows.
            request: what the scale should be; hours also decide how many seeds are begun.
            asked: fields of `request` that must be met; a study of another scale in the folder is refused then.
            seeds: exactly these, whatever time they take; up to 1, 2 and 3 in the hours if not given.
            keys: of the rows to train, all if not given.

        Returns:
            Paths of what was written.

        Raises:
            KeyboardInterrupt: Ctrl-C. All is kept; another call goes on.
            ValueError: a study with another scale or other data is in the folder; what `plan` refuses.

        """
        start = time.monotonic()
        rows = _distinct(experiments, keys)
        scale = self._settle(rows, request, asked)
        self._settle_teacher(request.teacher)
        runner = Runner(
            self.out, scale, self.data, self.results, self.scoring, teacher=request.teacher, progress=self._progress
        )
        deadline = None if seeds is not None else start + 3600 * request.hours
        poolings = any(experiment.name == "poolings" for experiment in experiments)
        for number, seed in enumerate(seeds if seeds is not None else ALL_SEEDS):
            left = [row for row in rows if not runner.is_complete(row, seed)]
            if number and deadline is not None and time.monotonic() + self._expected(left) > deadline:
                self._say(f"seed {seed} does not fit into the hours left")
                break
            self._round(rows, seed, runner, experiments, scale)
            if poolings:
                runner.compare_poolings(experiments_row(experiments), seed)
        return self.write(experiments, scale)

    def write(self, experiments: Sequence[Experiment], scale: Scale | None = None) -> list[str]:
        """Write tables and pictures from what is there.

        Raises:
            FileNotFoundError: there is no study in the folder, and no scale is given.

        """
        scale = scale or self._read()
        paths = [self._write_table(experiment, scale) for experiment in experiments]
        if text := orderings(self._all_there(experiments), self.results, self.data, self.scoring):
            paths.append(self._write_page("orderings", text))
        if text := unlabelled.page(self._all_there(experiments), self.results, setting(scale, self.data)):
            paths.append(self._write_page("without_labels", text))
        try:
            drawn = {f"{experiment.name}-curves.png": figures.curves(experiment, self.out, self.results)
                     for experiment in experiments}  # fmt: skip
            drawn["progression.png"] = figures.progression(self.results)
        except ImportError as error:
            self._say(str(error))
            return paths
        for name, figure in drawn.items():
            if figure is not None:
                paths.append(os.path.join(self.out, name))
                figure.savefig(paths[-1], dpi=120)
        return paths

    def _round(
        self, rows: Sequence[Row], seed: int, runner: Runner, experiments: Sequence[Experiment], scale: Scale
    ) -> None:
        """All rows with one seed."""
        for place, row in enumerate(rows, 1):
            if runner.is_complete(row, seed):
                continue
            self._say(f"seed {seed}, row {place} of {len(rows)}: {row.key}")
            runner.complete(row, seed)
            if refusal := self.results.failures(row.key, "training").get(seed):
                self._say(f"left out: {row.key} {refusal}")
            for experiment in experiments:
                if any(other.key == row.key for other in experiment.rows):
                    self._write_table(experiment, scale)

    def _all_there(self, asked: Sequence[Experiment]) -> list[Experiment]:
        """The paper's experiments that the folder has, those asked among them: one page shows them all."""

        def is_there(experiment: Experiment) -> bool:
            return all(self.results.seeds(row.key, "training") for row in experiment.rows)

        names = {experiment.name for experiment in asked}
        others = [experiment for experiment in EXPERIMENTS.values() if experiment.name not in names]
        found = [*asked, *filter(is_there, others)]
        places = {name: place for place, name in enumerate(EXPERIMENTS)}
        return sorted(found, key=lambda experiment: places.get(experiment.name, 0))

    def _write_table(self, experiment: Experiment, scale: Scale) -> str:
        command = self._command(experiment, scale)
        text = report(experiment, self.results, scale, self.data, self.scoring, command)
        return self._write_page(experiment.name, text)

    def _write_page(self, name: str, text: str) -> str:
        path = os.path.join(self.out, f"{name}.md")
        with open(f"{path}.part", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(f"{path}.part", path)
        return path

    def _command(self, experiment: Experiment, scale: Scale) -> str:
        """The command line that makes the same numbers again: nothing in it depends on time."""
        seeds = sorted({seed for row in experiment.rows for seed in self.results.seeds(row.key, "training")})
        if self._source is None or not seeds:
            return ""
        options = {"size": scale.size, "epochs": scale.epochs, "patch_size": scale.patch_size,
                   "batch_size": scale.batch_size, "base_learning_rate": scale.base_learning_rate,
                   "preset": scale.preset}  # fmt: skip
        settled = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        parts = ["latentmim", "reproduce", experiment.name, *self._source, *settled, "--seeds", *map(str, seeds)]
        return shlex.join(parts)

    def _expected(self, rows: Sequence[Row]) -> float:
        """Seconds of another seed, as the first one took."""
        return sum(self.results.seconds(row.key, ALL_SEEDS[0]) for row in rows)

    # ---- The scale of the folder -------------------------------------------------------------------------------------

    def _settle(self, rows: Sequence[Row], request: Request, asked: Sequence[str]) -> Scale:
        """The folder's scale; planned and written down if there is none."""
        if os.path.exists(self._file):
            scale = self._read()
            for name in asked:
                here, there = getattr(request, name), getattr(scale, name)
                if here != there:
                    raise ValueError(
                        f"{self._file}: this study has {name} {there}, asked is {here}; its rows would not be "
                        "comparable: choose another --out"
                    )
            self._say(f"going on with the study in {self.out}")
            return scale
        self._say(f"timing a few steps of each of {len(rows)} rows")
        found = plan(rows, self.data, request, self.scoring)
        self._say(found.scale.describe(len(self.data.train)))
        self._say(found.describe())
        os.makedirs(self.out, exist_ok=True)
        self._write({"scale": found.scale.to_dict(), **self._premises()})
        return found.scale

    def _settle_teacher(self, teacher: Encoder | None) -> None:
        """One teacher for all rows of a folder: the first that comes is written down."""
        if teacher is None:
            return
        content, here = self._content(), digest(teacher)
        there = content.setdefault("teacher", here)
        if there != here:
            raise ValueError(
                f"{self._file}: this study has a teacher with weights {there}, these are {here}; choose another --out"
            )
        self._write(content)

    def _write(self, content: dict[str, Any]) -> None:
        with open(f"{self._file}.part", "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)
        os.replace(f"{self._file}.part", self._file)

    def _content(self) -> dict[str, Any]:
        with open(self._file, encoding="utf-8") as file:
            content: dict[str, Any] = json.load(file)
        return content

    def _read(self) -> Scale:
        content = self._content()
        for name, here in self._premises().items():
            if content.get(name) != here:
                raise ValueError(
                    f"{self._file}: this study has {name} {content.get(name)}, now it is {here}; choose another --out"
                )
        return Scale(**content["scale"])

    def _premises(self) -> dict[str, Any]:
        """What all rows have in common besides the scale."""
        data = {"name": self.data.name, "train": len(self.data.train), "test": len(self.data.test),
                "digest": self.data.digest()}  # fmt: skip
        return {"data": data, "scoring": self.scoring.to_dict()}

    def _say(self, text: str) -> None:
        if self._progress:
            print(text, file=sys.stderr, flush=True)


def _distinct(experiments: Sequence[Experiment], keys: Sequence[str] | None) -> list[Row]:
    """Every run once, in the order of the tables."""
    rows = {row.key: row for experiment in experiments for row in experiment.rows}
    if keys is None:
        return list(rows.values())
    if unknown := [key for key in keys if key not in rows]:
        raise ValueError(f"rows: unknown {', '.join(unknown)}, wanted {', '.join(rows)}")
    return [row for key, row in rows.items() if key in keys]


def experiments_row(experiments: Sequence[Experiment]) -> Row:
    """The row whose poolings are compared."""
    return next(experiment.rows[0] for experiment in experiments if experiment.name == "poolings")
