"""Features for other programs: tables of vectors with names and labels, and a transformer for scikit-learn.

>>> import latentmim as lm
>>> found = lm.embed(encoder, "photos/", "photos.parquet")                              # doctest: +SKIP
>>> found.vectors, found.paths, found.labels                                            # doctest: +SKIP
>>> make_pipeline(lm.Features(encoder), LogisticRegression()).fit(photos, labels)       # doctest: +SKIP
"""

from __future__ import annotations

from latentmim.embedding.computing import embed
from latentmim.embedding.result import Embedding
from latentmim.embedding.transformer import Features

__all__ = ["Embedding", "Features", "embed"]
