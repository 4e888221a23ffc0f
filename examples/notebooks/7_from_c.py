# %% [markdown]
# # From C
#
# `liblatentmim.so` has a C interface of one header, `latentmim.h`. A program that trains a model, saves it, takes
# features and segments an image is in `examples/c/pretrain.c`:

# %% language="bash"
# sed -n '/^int main/,$p' examples/c/pretrain.c

# %% [markdown]
# Build the library once, then compile against header and library alone:

# %% language="bash"
# swift build -c release --product latentmim 2>&1 | tail -1
# cc -std=c11 -Wall -Wextra examples/c/pretrain.c -o runs/pretrain \
#   -I Sources/CLatentMIM/include -L .build/release -llatentmim
# LD_LIBRARY_PATH=.build/release runs/pretrain runs/model.safetensors

# %% [markdown]
# What it saved is a file like any other:

# %%
import latentmim as lm

lm.LatentMIM.load("runs/model.safetensors")
