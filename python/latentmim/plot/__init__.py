"""Pictures of images and what an encoder makes of them, of a run and its views. Needs matplotlib: `latentmim[plot]`.

>>> import latentmim as lm
>>> lm.plot.segments(image, found).figure.savefig("segments.png")       # doctest: +SKIP

Each function returns matplotlib's Axes, one or an array of them, of a new figure: a notebook shows it when it is the
last line of a cell (or given to `display`), once. Or it draws where `ax` says: one Axes or as many as it needs, of any
figure, pyplot's too. pyplot itself is never loaded: it would keep the figure of every picture, choose a way to open
windows for the whole program, and not do in threads.

A query is always a pixel (x, y) of the image as it is given, x to the right and y down from its upper left corner,
whatever sizes features are computed at; what is asked for is the patch it lies in. Of images with more than three
channels the first three are shown, as red, green and blue; two are shown as red and cyan.
"""

from latentmim.plot.attention_maps import attention
from latentmim.plot.collapse_gauges import diagnosis
from latentmim.plot.curves import history
from latentmim.plot.merge_trees import merge_tree
from latentmim.plot.neighbor_rows import neighbors
from latentmim.plot.neighborhood_maps import neighborhoods
from latentmim.plot.patch_matches import matches
from latentmim.plot.pca_maps import pca
from latentmim.plot.run_pictures import run
from latentmim.plot.segment_maps import depths, segments
from latentmim.plot.track_frames import save_tracks, tracks
from latentmim.plot.tsne_maps import tsne
from latentmim.plot.view_panels import views

__all__ = [
    "attention",
    "depths",
    "diagnosis",
    "history",
    "matches",
    "merge_tree",
    "neighborhoods",
    "neighbors",
    "pca",
    "run",
    "save_tracks",
    "segments",
    "tracks",
    "tsne",
    "views",
]
