# %% [markdown]
# # Segment photographs, with DINOv2 and with your own model
#
# Patches whose features are alike belong together. `segment` merges them, nearest first, and keeps the whole tree of
# merges, so that a picture can be cut into any number of segments afterwards. Nothing is trained for it.
#
# The path of DINOv2's ViT-S/14 weights is read from the environment variable `DINOV2` here; `load_encoder` takes the
# `.pth` that its authors publish and safetensors files alike.

# %%
import os

import latentmim as lm

dinov2 = lm.load_encoder(os.environ["DINOV2"])
own = lm.load_encoder("runs/notebook")  # of the notebook 1_pretrain
dinov2, own

# %%
photos = lm.ImageFolder("examples/photographs/held-out")
image = photos[8]
segments = lm.segment(dinov2, image, 5)
lm.plot.segments(image, segments)
# %% [markdown]
# The same tree cut at other depths: no features are computed again.

# %%
lm.plot.merge_tree(image, segments)
# %% [markdown]
# ## Finer borders
# Features are computed for patches of 14 pixels. `refine=True` lets the image's own edges move the borders.

# %%
lm.plot.segments(image, lm.segment(dinov2, image, 5, refine=True))
# %% [markdown]
# ## With a model of one's own
# The encoder of the first notebook learned from 675 photographs in two minutes:

# %%
lm.plot.segments(image, lm.segment(own, image, 5))
# %% [markdown]
# ## What the features look like
# Their three strongest directions as red, green and blue; several pictures share one basis, so that the same colour
# means the same in all.

# %%
lm.plot.pca(dinov2, [photos[index] for index in (0, 8, 16)])
