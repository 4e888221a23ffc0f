#!/usr/bin/env bash
# Guess: frame.rotation says how a frame has to be turned to stand upright, and
#   where a file only mirrors its picture there is nothing to turn.
# What happens: a display matrix that mirrors left and right (x' = -x, as front
#   cameras write it) gives rotation -180, the same number as a real half turn. Who turns by
#   it gets the picture upside down. The matrix itself is in frame.side_data.
# Versions: av 18.1.0, numpy 2.4.6.
# Why it matters: frames that are turned by that number do not lie over masks
#   drawn in a player, and half of an augmentation is undone or done twice.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check numpy==2.4.6 av==18.1.0
cd "$work"
"$work/venv/bin/python" - <<'PY'
import struct
import sys
from pathlib import Path
import av
import numpy as np

with av.open("plain.mp4", "w") as file:
    stream = file.add_stream("libx264", rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
    for part in [av.VideoFrame.from_ndarray(np.zeros((32, 64, 3), np.uint8), format="rgb24"), None]:
        file.mux(stream.encode(part))
content = bytearray(Path("plain.mp4").read_bytes())
start = content.find(b"tkhd") + 44  # the matrix of ISO/IEC 14496-12: a b u c d v x y w
found = {}
for name, (a, d) in {"plain": (1, 1), "half turn": (-1, -1), "mirrored": (-1, 1), "upside down mirrored": (1, -1)}.items():
    content[start : start + 36] = struct.pack(">9i", a << 16, 0, 0, 0, d << 16, 0, 0, 0, 1 << 30)
    Path("other.mp4").write_bytes(content)
    with av.open("other.mp4") as file:
        frame = next(file.decode(video=0))
        data = [np.frombuffer(bytes(part), np.int32) for part in frame.side_data if part.type.name == "DISPLAYMATRIX"]
        signs = np.sign(data[0][[0, 4]]).tolist() if data else [1, 1]
        found[name] = frame.rotation
        print(f"{name:22} rotation {frame.rotation:5}   signs of the matrix in side_data: {signs}")
as_stated = found["mirrored"] == found["half turn"] == -180 and found["plain"] == 0
sys.exit(0 if as_stated else "CHANGED: a mirrored picture is told from a half turn")
PY
