# %% [markdown]
# # Adapt DINOv2 to your photographs
#
# A published encoder knows much about photographs in general. Here it goes on learning from 675 photographs of
# groceries, without labels, and the question is asked at each step whether it is the better for it. Put your own folder
# and your own weights in their place: any plain ViT will do.

# %%
import os
import sys

import numpy as np

import latentmim as lm

sys.path.append("examples")
import groceries  # fetches the photographs once

weights = os.environ["DINOV2"]  # dinov2_vits14.safetensors, of 88 MB
photos = lm.ImageFolder(groceries.folder() / "train")
held_out = lm.ImageFolder(groceries.folder() / "test")

# %% [markdown]
# ## What it knows already
# Photographs are looked at at 98 pixels, 7×7 patches, so that all of this takes minutes. The nearest of 661 photographs
# by their features: how often is it of the same class?

# %%
published = lm.load_encoder(weights, family="dinov2")
view = {"size": 98, "short_side": 0, "progress": False}
print(lm.evaluate.nearest_neighbor(published, held_out, **view))

# %%
lm.plot.neighbors(published, held_out, queries=4, count=5)
# %% [markdown]
# ## Go on from there
# All weights of a published encoder, trained at once on so few photographs, soon forget what they knew. Adapters keep
# it: matrices of rank 8 are added to each weight of the blocks, and only they are trained, with a projector and a
# decoder that are new.

# %%
model = lm.pretrain(
    photos, "runs/adapted", init=weights, lora_rank=8, base_learning_rate=1e-4, epochs=5, seed=0, progress=False
)
lm.plot.history("runs/adapted")
# %% [markdown]
# ## Is it better?
# The file that was saved holds the sums: it is an encoder as any other.

# %%
adapted = lm.load_encoder("runs/adapted")
print(lm.evaluate.nearest_neighbor(adapted, held_out, **view))

# %% [markdown]
# The standard error of a share of 93 % among 661 is 1.0 points: a difference below that may be chance. Where the
# adapted one is no better, the published one is the one to keep.
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
        ("features", lm.Features(adapted, size=98, short_side=98, norm=True)),
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
# ## Take it elsewhere
# As a folder that timm and transformers load, or as an ONNX model.

# %%
adapted.export("runs/adapted/timm", format="timm")
sorted(os.listdir("runs/adapted/timm"))
