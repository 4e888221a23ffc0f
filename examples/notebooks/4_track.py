# %% [markdown]
# # Track an object through a clip
#
# Given the mask of an object in the first frame, `track` finds it in all others: each patch takes the labels of those
# patches of earlier frames whose features are most like its own. Nothing is trained for it. The path of a clip is read
# from the environment variable `CLIP` here, and that of DINOv2's weights from `DINOV2`.

# %%
import os

import numpy as np

import latentmim as lm

encoder = lm.load_encoder(os.environ["DINOV2"])
clip = [frame for _, frame in zip(range(60), lm.data.frames(os.environ["CLIP"]), strict=False)]
len(clip), clip[0].shape

# %% [markdown]
# ## A first mask
# Any drawing program can make one (a PNG of whole numbers, 0 the background), and so can the segments of the first
# frame.

# %%
segments = lm.segment(encoder, clip[0], 6)
lm.plot.segments(clip[0], segments)
# %%
height, width = segments.labels.shape
bird = int(np.bincount(segments.labels[height // 4 : -height // 4, width // 3 : -width // 3].ravel()).argmax())
mask = (segments.labels == bird).astype(np.uint8)
f"segment {bird}: {mask.mean():.0%} of the picture"

# %% [markdown]
# ## Through the clip

# %%
tracks = lm.track(encoder, clip, mask, progress=False)
tracks

# %%
lm.plot.tracks(clip, tracks)
