#!/usr/bin/env bash
# Guess: reading a video gives the frames that are in the file: six here.
# What happens: imageio (which takes its FFMPEG plugin for .mp4 even with PyAV
#   installed) fills the pauses of a variable-rate video with copies up to the
#   nominal rate, so six frames become more than twenty, and frame numbers differ
#   from those of PyAV and OpenCV, which give six. Its own count_frames() says six.
# Versions: imageio 2.38.1, imageio-ffmpeg 0.8.1, av 18.1.0,
#   opencv-python-headless 5.0.0.93, numpy 2.4.6.
# Why it matters: telephones and screen recorders write variable rate. Labels per
#   frame (masks, actions) slip against the pictures, and video pretraining gets
#   clips of identical frames in which there is nothing to predict.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 imageio==2.38.1 imageio-ffmpeg==0.8.1 av==18.1.0 opencv-python-headless==5.0.0.93
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
from fractions import Fraction
import av
import cv2
import imageio.v2
import imageio.v3
import numpy as np

hundredth = Fraction(1, 100)
with av.open("pauses.mp4", "w") as file:
    stream = file.add_stream("libx264", rate=10)
    stream.width = stream.height = 64
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = hundredth
    for level, time in zip(range(40, 240, 35), (0, 10, 20, 100, 110, 200)):
        frame = av.VideoFrame.from_ndarray(np.full((64, 64), level, np.uint8), "gray")
        frame = frame.reformat(format="yuv420p")
        frame.pts, frame.time_base = time, hundredth
        file.mux(stream.encode(frame))
    file.mux(stream.encode())
with av.open("pauses.mp4") as file:
    counts = {"av": sum(1 for _ in file.decode(video=0))}
video, counts["opencv"] = cv2.VideoCapture("pauses.mp4"), 0
while video.read()[0]:
    counts["opencv"] += 1
counts["imageio, plugin pyav"] = len(imageio.v3.imread("pauses.mp4", plugin="pyav"))
counts["imageio, count_frames()"] = imageio.v2.get_reader("pauses.mp4").count_frames()
frames = imageio.v3.imread("pauses.mp4")
counts["imageio.v3, no plugin named"] = len(frames)
counts["imageio.v2, iterated"] = sum(1 for _ in imageio.v2.get_reader("pauses.mp4"))
for name, count in counts.items():
    print(f"{name:28} {count} frames")
still = int((abs(np.diff(frames.astype(int), axis=0)).max((1, 2, 3)) <= 2).sum())
print("brightness, frame by frame:", *frames[:, 32, 32, 0])
print("of these, repeats of the one before:", still)
few, many = list(counts.values())[:4], list(counts.values())[4:]
as_stated = set(few) == {6} and min(many) > 18 and still > 12
sys.exit(0 if as_stated else "CHANGED: imageio gives the file's own frames")
PY
