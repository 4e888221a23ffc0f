# %% [markdown]
# # Masks and gaps: what the encoder is given, and what it has to say
#
# A training step shows the online encoder a few patches of each image and asks for the latents of all the others.
# Two things keep that from being easy: how few patches are seen, and the **gap** between patches, which hides the
# edges that would let a patch be guessed from its neighbour's last column of pixels (§3.2 of the paper).

# %%
import numpy as np
from IPython.display import display

import latentmim as lm

model = lm.LatentMIM("vit_tiny", grid=8, patch_size=16, patch_gap=4, projector_width=512, seed=0)
photos = lm.ImageFolder("examples/photographs/train")
model, photos

# %% [markdown]
# Sizes follow from the options: each patch of 16 pixels lies somewhere in its cell of 20, so that a crop is 160 pixels
# wide where 8×8 patches without gaps would take 128.

# %%
config = model.config
{name: getattr(config, name) for name in ("grid", "cell", "crop_size", "image_size", "num_visible")}

# %% [markdown]
# `masking.sample` draws what training with this seed draws, `crops` gives the pixels. Both depend on seed, epoch and
# image alone, so that any step of a run can be looked at again.

# %%
views = lm.masking.sample(config, batch=4, seed=3)
crops = photos.crops(config, indices=[0, 9, 18, 27])
views

# %%
lm.plot.views(crops[0], views, 0)

# %% [markdown]
# ## Fewer patches seen
# `mask_ratio` says which share is hidden. Here the same photograph at 50 %, 75 % and 90 %:

# %%
for ratio in (0.5, 0.75, 0.9):
    other = lm.LatentMIM("vit_tiny", grid=8, patch_gap=4, mask_ratio=ratio, projector_width=512).config
    print(f"{ratio:.0%} hidden: {other.num_visible} of {np.prod(other.grid)} patches are seen")

# %% [markdown]
# ## Gaps of other sizes
# Without a gap, neighbouring patches touch; with 8 pixels between them, colours and edges no longer go on.

# %%
for gap in (0, 4, 8):
    other = lm.LatentMIM("vit_tiny", grid=8, patch_gap=gap, projector_width=512).config
    drawn = lm.masking.sample(other, batch=1, seed=1)
    crop = photos.crops(other, indices=[9])
    display(lm.plot.views(crop[0], drawn, 0))

# %% [markdown]
# ## Masks of one's own
# Views are arrays. What a `Views` holds can be changed and passed to `model.loss`: here the encoder sees the left half
# and predicts the right one.

# %%
half = lm.LatentMIM("vit_tiny", grid=8, patch_gap=4, num_visible=32, projector_width=512, seed=0)
cells = np.arange(64).reshape(8, 8)
left, right = cells[:, :4].reshape(1, -1), cells[:, 4:].reshape(1, -1)
halves = lm.Views(left, right, np.full((1, 64, 2), 2), config=half.config)
display(lm.plot.views(crops[0], halves, 0))
loss, metrics = half.loss(crops[:1], halves)
print(f"loss {loss:.3f}, chance {half.chance_loss:.3f}")
