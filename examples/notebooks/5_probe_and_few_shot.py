# %% [markdown]
# # Score features: neighbours, probes, few examples
#
# How good features are is asked by simple classifiers on top of them, the encoder itself unchanged. Every score names
# its protocol, where the features were taken, and how many images it saw.

# %%
import sys

import latentmim as lm

sys.path.append("examples")
import groceries

train, test = (lm.ImageFolder(groceries.folder() / part) for part in ("train", "test"))
encoder = lm.load_encoder("runs/notebook")  # of the notebook 1_pretrain
len(train), len(test), encoder

# %% [markdown]
# ## All protocols that apply

# %%
lm.evaluate.suite(encoder, train, test, progress=False)

# %% [markdown]
# ## Which pooling, which layer
# An image's vector can be the mean of its patches, their maximum, or per channel the mean of the ten largest values,
# which is what the paper's probes use.

# %%
lm.evaluate.compare_poolings(encoder, train, test, progress=False)

# %%
depth = encoder.config.depth
for layer in range(2, depth + 1, 2):
    score = lm.evaluate.knn(encoder, train, test, k=20, layer=layer, pooling="mean", progress=False)
    print(f"behind block {layer} of {depth}: {score.accuracy:.1%}")

# %% [markdown]
# ## Few examples of each class
# Sixteen images of every class, drawn three times:

# %%
lm.evaluate.few_shot(encoder, train, test, shots=16, progress=False)

# %% [markdown]
# ## With scikit-learn
# Features are NumPy arrays, and any classifier takes them.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

vectors = {
    name: lm.evaluate.features(encoder, data, progress=False) for name, data in (("train", train), ("test", test))
}
classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(vectors["train"], train.labels)
print(f"{classifier.score(vectors['test'], test.labels):.1%} correct")
