"""Pictures of views, of a run's course, of segments and of neighbours. Needs matplotlib: `latentmim[plot]`.

Each function returns a matplotlib Figure: a notebook shows it, `figure.savefig("picture.png")` writes it. Of images
with more than three channels the first three are shown, as red, green and blue; two are shown as red and cyan.
"""

from latentmim.plot.curves import history
from latentmim.plot.neighbor_rows import neighbors
from latentmim.plot.run_pictures import run
from latentmim.plot.segment_maps import segments
from latentmim.plot.view_panels import views

__all__ = ["history", "neighbors", "run", "segments", "views"]
