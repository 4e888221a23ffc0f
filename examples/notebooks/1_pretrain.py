# %% [markdown]
# # Pre-train on your photographs
#
# A folder of images goes in; an encoder comes out, with a log and pictures that show what it learned. Nothing needs a
# label or a GPU. Here these are 675 photographs of groceries; put the path of your own folder in their place.

# %%
import sys

import latentmim as lm

sys.path.append("examples")
import groceries  # fetches the photographs once

photos = lm.ImageFolder(groceries.folder() / "train")
len(photos), photos.classes[:4]

# %% [markdown]
# `pretrain` chooses model and schedule by the number of images, and each of its choices can be overruled by name
# (`lm.pretrain(photos, out="runs/mine", epochs=300, patch_gap=2)`). Run the cell again after a break and it goes on
# where it stopped; run it after its end and it gives back the trained model at once.

# %%
model = lm.pretrain(photos, out="runs/notebook", seed=0, progress=False)
model

# %% [markdown]
# ## Does it learn?
# The loss has two landmarks: **chance**, where it cannot tell a patch's latent from those of the others, and a floor.
# A falling loss alone proves little: a collapsed encoder, which makes the same of every image, can have one, too. So
# the similarity between images is drawn beside it, which goes to 1 where an encoder collapses.

# %%
lm.plot.history("runs/notebook")
# %% [markdown]
# How many directions the images of the training set spread over behind each layer, and how alike they are:

# %%
lm.spread(model.encoder, photos[:200])

# %% [markdown]
# ## What it tells apart
# For a few photographs that it never saw, those whose features are nearest. A green frame: of the same class. Classes
# were not used in training.

# %%
held_out = lm.ImageFolder(groceries.folder() / "test")
lm.plot.neighbors(model.encoder, held_out, queries=4, count=5)
# %% [markdown]
# How often the nearest neighbour has the same class: with the pixels themselves, with an encoder of the same size that
# was not trained, and with this one.

# %%
size = {"size": model.config.image_size, "short_side": 0, "progress": False}
untrained = lm.LatentMIM(**model.config.to_dict(), seed=1).encoder
print(lm.evaluate.pixels_nearest_neighbor(held_out, 8, short_side=0, progress=False))
print(lm.evaluate.nearest_neighbor(untrained, held_out, **size))
print(lm.evaluate.nearest_neighbor(model.encoder, held_out, **size))

# %% [markdown]
# Everything is in one folder, to go on with: `lm.load_encoder("runs/notebook")`.

# %%
import os

sorted(os.listdir("runs/notebook"))
