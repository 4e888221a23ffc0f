"""What the examples of the reference begin with, in a folder of photographs."""

import numpy as np

import latentmim as lm

photos = lm.ImageFolder("photos")  # 28 photographs of 14 classes
held_out = lm.ImageFolder("held-out")  # 28 others of the same classes
image = lm.resize(photos[1], 160)  # [160, 160, 3] float32 in 0 … 1
model = lm.LatentMIM(
    width=48, depth=2, heads=3, grid=4, num_visible=4, decoder_width=32, decoder_heads=4, projector_width=64, seed=0
)
encoder = model.encoder
