#!/usr/bin/env bash
# Guess: TarWriter and WebDataset round-trip any sample key, or refuse a bad one.
# What happens: the reader ends the key at the first dot of the file name, and
#   the writer does not care. DICOM identifiers all begin with "1.", so every
#   scan of a shard, keyed by its identifier, is read back as ONE sample with key
#   "1" and fields such as "2.840.1.cls". Two spacings "0.5mm" and "0.7mm" in a
#   key melt the same way. Nothing is raised.
# Versions: webdataset 1.0.2, numpy 2.4.6.
# Why it matters: an epoch over the shard has one sample in place of thousands,
#   and a loader that picks a field by its ending may never notice.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check \
    numpy==2.4.6 webdataset==1.0.2
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import webdataset

keys = [f"1.2.840.113619.2.55.{n}" for n in range(20)] + ["slice_0.5mm", "slice_0.7mm"]
with webdataset.TarWriter("scans.tar") as shard:
    for number, key in enumerate(keys):
        shard.write({"__key__": key, "cls": number})
samples = list(webdataset.WebDataset("scans.tar", shardshuffle=False))
print("written:", len(keys), "samples, keys", keys[0], "...", keys[-1])
for sample in samples:
    fields = [name for name in sample if not name.startswith("__")]
    print("read: key", repr(sample["__key__"]), "with", len(fields), "fields, first", repr(fields[0]))
plain = [key.replace(".", "-") for key in keys]
with webdataset.TarWriter("plain.tar") as shard:
    for number, key in enumerate(plain):
        shard.write({"__key__": key, "cls": number})
control = [sample["__key__"] for sample in webdataset.WebDataset("plain.tar", shardshuffle=False)]
print("with dashes for the dots:", len(control), "samples")
as_stated = [s["__key__"] for s in samples] == ["1", "slice_0"] and control == plain
sys.exit(0 if as_stated else "CHANGED: dotted keys are kept or refused")
PY
