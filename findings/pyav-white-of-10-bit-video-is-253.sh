#!/usr/bin/env bash
# Guess: white of a video (limited range, level 235 of 8 bits, 940 of 10) becomes
#   255 in RGB, whatever its chroma subsampling.
# What happens: to_ndarray(format="rgb24") gives 255 for 8 bits and for 10 bits in 4:4:4,
#   but 253 for 10 bits in 4:2:0 and 4:2:2. With the scaler's flags
#   BILINEAR | ACCURATE_RND | FULL_CHR_H_INT it is 255 in all.
# Versions: av 18.1.0, numpy 2.4.6.
# Why it matters: telephones record 10 bits in 4:2:0. Features of the same scene
#   differ by camera setting, and thresholds on white (paper, sky, masks stored
#   as video) miss by two levels.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check numpy==2.4.6 av==18.1.0
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import av
import numpy as np
from av.video.reformatter import Interpolation

exactly = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
usual, exact = {}, {}
for layout in ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le"):
    kind, white, grey = (np.uint16, 940, 512) if "10" in layout else (np.uint8, 235, 128)
    with av.open("white.mkv", "w") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = layout
        stream.codec_context.color_range, stream.codec_context.colorspace = 1, 1
        frame = av.VideoFrame(64, 64, layout)
        frame.color_range, frame.colorspace, frame.pts = 1, 1, 0
        for plane, level in zip(frame.planes, (white, grey, grey)):
            plane.update(np.full(plane.buffer_size // kind().itemsize, level, kind).tobytes())
        for part in (frame, None):
            file.mux(stream.encode(part))
    with av.open("white.mkv") as file:
        frame = next(file.decode(video=0))
        usual[layout] = frame.to_ndarray(format="rgb24")[32, 32].tolist()
        exact[layout] = frame.to_ndarray(format="rgb24", interpolation=exactly)[32, 32].tolist()
    print(f"{layout:12} white is {usual[layout]}, with exact flags {exact[layout]}")
low = [layout for layout, colour in usual.items() if colour == [253] * 3]
as_stated = low == ["yuv420p10le", "yuv422p10le"] and all(colour == [255] * 3 for colour in exact.values())
sys.exit(0 if as_stated else "CHANGED: white of 10-bit video is 255")
PY
