# %% [markdown]
# # From Swift
#
# The library is a Swift package: `import LatentMIM` for models and training, `import Segmentation` and
# `import Evaluation` for what is done with them. `examples/swift/main.swift` trains a model on images in memory:

# %% language="bash"
# cat examples/swift/main.swift

# %% language="bash"
# swift run -c release latentmim-example 2>/dev/null
