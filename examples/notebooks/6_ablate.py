# %% [markdown]
# # Take a part away: what the paper's challenges look like
#
# The paper names four challenges of predicting latents in place of pixels, and what it does about each. Every answer is
# an option, so that it can be taken away. Here the first challenge: **collapse**. The target encoder is what makes the
# latents; if it learns together with the encoder that predicts them, both can agree on latents that are all the same.

# %%
import sys

from IPython.display import display

import latentmim as lm

sys.path.append("examples")
import groceries

train, test = (lm.ImageFolder(groceries.folder() / part) for part in ("train", "test"))
sizes = {"width": 96, "depth": 4, "heads": 3, "grid": 7, "num_visible": 8, "decoder_width": 96, "decoder_heads": 3,
         "projector_width": 256, "seed": 0}  # fmt: skip

# %% [markdown]
# Three ways to train, everything else equal: as published; with a plain regression of latents by a target encoder that
# shares its weights, where nothing forbids collapse; and the same regression with an averaged target encoder.

# %%
ways = {
    "as published": {},
    "regression, target shares weights": {"objective": "mse", "target_encoder": "siamese"},
    "regression, averaged target": {"objective": "mse"},
}
trainers, scores = {}, {}
for name, options in ways.items():
    model = lm.LatentMIM(**sizes, **options)
    print(name, "differs in", list(model.config.difference("official")) and options)
    trainers[name] = lm.Trainer(model, train, epochs=20, batch_size=128, base_learning_rate=2e-3, progress=False)
    trainers[name].fit()
    scores[name] = lm.evaluate.nearest_neighbor(
        model.encoder, test, size=model.config.image_size, short_side=0, progress=False
    )

# %% [markdown]
# ## What became of them
# The similarity of different images says it at once: at 1, all images look alike to the encoder.

# %%
for name, trainer in trainers.items():
    last = trainer.history[-1]
    print(
        f"{name:34} similarity between images {last['similarity_images']:.2f}, "
        f"effective rank {last['effective_rank']:5.1f}, nearest neighbour {scores[name].accuracy:.1%}"
    )

# %%
lm.diagnose(trainers["as published"].model, trainers["as published"].history[-1])

# %%
for trainer in trainers.values():
    display(lm.plot.history(trainer))

# %% [markdown]
# The whole study, with every row of the paper's tables, is one command: `latentmim reproduce`.
