"""The paper's study again, small: every row of its tables trained at a scale that fits the time given.

>>> from latentmim.reproduce.experiments import EXPERIMENTS
>>> [row.name for row in EXPERIMENTS["table2"].rows]
['MSE', 'L1', 'Huber', 'PatchDisc', 'MAE']

`rows` says what a row is, `tables` and `frozen` which there are, `experiments` lists them; `scale` translates them to a
small encoder, `models` builds it, `planning` finds the scale for the hours given; `data` reads labelled images;
`running` trains and scores one row; `results` keeps what was found; `claims` judges the paper's orderings; `unlabelled`
how far scores without labels order runs; `report` and `figures` show it all; `study` does one after the other.
"""

from __future__ import annotations

__all__: list[str] = []
