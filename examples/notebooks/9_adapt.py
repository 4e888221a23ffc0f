# %% [markdown]
# # Adapt DINOv2 to your photographs
#
# A published encoder knows much about photographs in general. Here it goes on learning from 675 photographs of
# groceries, without labels, and the question is whether it is the better for it. Put your own folder and your own
# weights in their place: any plain ViT will do.

# %%
import os
import sys

import numpy as np
from scipy.stats import binomtest

import latentmim as lm

sys.path.append("examples")
import groceries  # fetches the photographs once

photos, held_out = (lm.ImageFolder(groceries.folder() / part) for part in ("train", "test"))
published = lm.load_encoder(os.environ["DINOV2"], family="dinov2")  # dinov2_vits14.safetensors, 88 MB
len(photos), len(held_out), published

# %% [markdown]
# ## What it knows already
# Photographs are looked at at 98 pixels, 7×7 patches, so that all of this takes minutes; what is not said is computed
# at the size an encoder was trained at, here 518. The nearest of 660 photographs by their features: how often is it of
# the same class?

# %%
view = {"size": 98, "short_side": 0, "precision": "auto", "progress": False}
before = lm.evaluate.nearest_neighbor(published, held_out, **view)
print(before)

# %%
lm.plot.neighbors(published, held_out, queries=4, count=5, **view)
# %% [markdown]
# ## Go on from there
# All weights of a published encoder, trained at once on so few photographs, soon forget what they knew. Adapters keep
# it: matrices of rank 8 are added to each weight of the blocks, and only they are trained, with a projector and a
# decoder that are new. Labels of these photographs, where there are some, watch over it: `save_best="nn"` keeps the
# state in which their nearest neighbours are best. Run again, the cell gives back what is trained.

# %%
model = lm.pretrain(
    photos, "runs/adapted", init=published, lora_rank=8, base_learning_rate=1e-4, epochs=5,
    validation=photos, validate_every=1, save_best="nn", seed=0, progress=False,
)  # fmt: skip
lm.plot.history("runs/adapted")
# %% [markdown]
# ## Is it better?
# The file that was saved holds the sums: it is an encoder as any other. Which of the two is right where only one of
# them is says more than two shares do: if both were equally good, it would be each of them half the time.

# %%
adapted = lm.load_encoder("runs/adapted/checkpoints/best.safetensors")
after = lm.evaluate.nearest_neighbor(adapted, held_out, **view)
was, now = (found.predictions == held_out.labels for found in (before, after))
gained, lost = int(np.sum(now & ~was)), int(np.sum(was & ~now))
print(after)
print(f"right only now: {gained}, right only before: {lost}; by chance alone, a difference of so much or more would")
print(f"be seen in {binomtest(gained, gained + lost).pvalue:.0%} of such comparisons")

# %% [markdown]
# Not that one could tell. Of 661 photographs a handful get another neighbour, which chance would do as well, and the
# loss stays about where predictions that know nothing are: 25 steps at this rate leave the encoder what it was. So the
# published encoder is the one to keep. Steps that move it more have made it worse so far: all weights trained, for as
# many steps, NN falls to 89 % at a rate of 10⁻⁵ and to 63 % at 10⁻⁴ (`docs/recipes.md`). With thousands of
# photographs that look like none on the web, ask again, with these same cells.
#
# ## A small encoder that learns from it
# The other way, where few photographs are to make an encoder of one's own: the published one stays as it is, and a
# small one, eight times cheaper, learns to predict what it says of patches that the small one does not see.

# %%
taught = lm.pretrain(photos, "runs/taught", teacher=published, epochs=8, seed=0, progress=False)
untrained = lm.LatentMIM(**taught.config.to_dict(), teacher=published, seed=1).encoder
for encoder in (untrained, taught.encoder):
    print(lm.evaluate.nearest_neighbor(encoder, held_out, **view | {"size": taught.config.image_size}))

# %% [markdown]
# The first line is of the small encoder before its first step. 40 steps are few: it is far from its teacher, and what
# more of them give, beside training from scratch, stands in `docs/recipes.md`.
#
# ## Choose layer and pooling for a task
# With labels, features are a step of scikit-learn's pipelines, and what they are taken from is a parameter as any
# other. Half of the labels choose here, by cross-validation.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

steps = Pipeline(
    [
        ("features", lm.Features(adapted, size=98, short_side=0, norm=True, precision="auto")),
        ("classify", LogisticRegression(max_iter=2000)),
    ]
)
search = GridSearchCV(steps, {"features__pooling": ["mean", "cls"], "features__layer": [8, -1]}, cv=2)
search.fit(photos.paths[::2], photos.labels[::2])
{
    str(candidate): round(float(score), 3)
    for candidate, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True)
}

# %%
chosen = np.mean(search.predict(held_out.paths) == held_out.labels)
f"{search.best_params_}: {chosen:.1%} of the held-out photographs"

# %% [markdown]
# Fewer than cross-validation promised: the photographs of a set are more like each other than like those of another.
# It chooses among candidates; what the choice is worth, only photographs from elsewhere tell.
#
# ## Take it elsewhere
# As a folder that timm and transformers load, or as an ONNX model.

# %%
adapted.export("runs/adapted/timm", format="timm")
sorted(os.listdir("runs/adapted/timm"))
