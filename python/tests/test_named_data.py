"""Published data sets: small files in their formats, through downloads that break off, lie or never come."""

import gzip
import hashlib
import http.server
import io
import os
import sys
import tarfile
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import pixels
from PIL import Image

import latentmim as lm
from latentmim.data import downloads, named

RNG = np.random.default_rng(0)
SMALL = RNG.integers(0, 256, (5, 32, 32, 3), np.uint8)
LARGE = RNG.integers(0, 256, (4, 96, 96, 3), np.uint8)


def tar(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


def cifar(labels: np.ndarray) -> bytes:
    planes = SMALL.transpose(0, 3, 1, 2).reshape(5, -1)
    return np.concatenate([labels.astype(np.uint8), planes], 1).tobytes()


def cifar10() -> bytes:
    parts = {f"data_batch_{number}.bin": cifar(np.full((5, 1), number)) for number in range(1, 6)}
    parts |= {
        "test_batch.bin": cifar(np.arange(5)[:, None]),
        "batches.meta.txt": b"\n".join([b"c%d" % i for i in range(10)]) + b"\n\n",
    }
    return tar({f"cifar-10-batches-bin/{name}": data for name, data in parts.items()})


def cifar100() -> bytes:
    both = np.stack([np.zeros(5), np.arange(5) + 90], 1)
    names = b"\n".join([b"f%d" % i for i in range(100)])
    files = {"train.bin": cifar(both), "test.bin": cifar(both[::-1]), "fine_label_names.txt": names}
    return tar({f"cifar-100-binary/{name}": data for name, data in files.items()})


def stl10() -> bytes:
    planes = LARGE.transpose(0, 3, 2, 1).tobytes()
    names = b"airplane\nbird\ncar\ncat\ndeer\ndog\nhorse\nmonkey\nship\ntruck\n"
    files = {f"{split}_X.bin": planes for split in ("train", "test", "unlabeled")}
    files |= {f"{split}_y.bin": bytes([1, 10, 2, 2]) for split in ("train", "test")} | {"class_names.txt": names}
    return tar({f"stl10_binary/{name}": data for name, data in files.items()})


def svhn() -> bytes:
    io_ = pytest.importorskip("scipy.io")
    content = io.BytesIO()
    io_.savemat(content, {"X": SMALL.transpose(1, 2, 3, 0), "y": np.array([[10], [1], [2], [9], [10]], np.uint8)})
    return content.getvalue()


def idx(values: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return gzip.compress(bytes([0, 0, 8, values.ndim]) + sizes + values.tobytes())


def jpeg(image: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "jpeg")
    return content.getvalue()


def imagenette() -> bytes:
    images = [jpeg(image) for image in pixels(6)]
    names = [f"imagenette2-320/{split}/n0{i % 2}/{i}.JPEG" for split in ("train", "val") for i in range(3)]
    return tar(dict(zip(names, images, strict=True)))


def eurosat() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for index, image in enumerate(pixels(4, 16, 16)):
            archive.writestr(f"2750/{['Forest', 'River'][index % 2]}/{index}.jpg", jpeg(image))
    return content.getvalue()


class Server(http.server.BaseHTTPRequestHandler):
    """Files by name; some answers are broken off."""

    files: dict[str, bytes]
    requests: list[tuple[str, str | None]]
    address: str
    breaks_after: int | None = None
    knows_ranges = True

    def do_GET(self) -> None:
        name, asked = self.path[1:], self.headers["Range"]
        self.requests.append((name, asked))
        if name not in self.files:
            self.send_error(404)
            return
        content = self.files[name]
        first = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.knows_ranges else 0
        if first >= len(content) > 0:
            self.send_error(416)
            return
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        self.wfile.write(content[first:][: self.breaks_after])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Server]]:
    """What `load` asks for, from this machine."""

    class Own(Server):
        pass

    Own.files, Own.requests = {}, []
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Own)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Own.address = f"http://127.0.0.1:{running.server_address[1]}/"
    yield Own
    running.shutdown()
    running.server_close()
    thread.join()


def offer(monkeypatch: pytest.MonkeyPatch, server: type[Server], name: str, contents: dict[str, bytes]) -> None:
    """Let the server have a data set's files, with the checksums that `load` wants."""
    server.files.update(contents)

    def here(download: downloads.Download) -> downloads.Download:
        content = contents.get(download.file, b"")
        return downloads.Download(server.address + download.file, hashlib.md5(content).hexdigest())

    known = named.NAMED[name]
    files = {split: tuple(here(download) for download in parts) for split, parts in known.files.items()}
    monkeypatch.setitem(named.NAMED, name, replace(known, files=files, package=""))


def load(name: str, split: str, root: Path) -> lm.data.Dataset:
    return lm.data.load(name, split, root, progress=False)


def test_cifar(monkeypatch: pytest.MonkeyPatch, server: type[Server], tmp_path: Path) -> None:
    offer(monkeypatch, server, "cifar10", {"cifar-10-binary.tar.gz": cifar10()})
    offer(monkeypatch, server, "cifar100", {"cifar-100-binary.tar.gz": cifar100()})
    train, test = load("cifar10", "train", tmp_path), load("cifar10", "test", tmp_path)
    assert len(train) == 25 and train.labels is not None and train.labels.tolist() == sorted([1, 2, 3, 4, 5] * 5)
    assert test.labels is not None and test.labels.tolist() == [0, 1, 2, 3, 4] and test.classes[9] == "c9"
    np.testing.assert_allclose(np.stack(list(test)), SMALL / 255, atol=1e-6)
    assert [name for name, _ in server.requests] == ["cifar-10-binary.tar.gz"]  # once
    fine = load("cifar100", "train", tmp_path)
    assert fine.labels is not None and fine.labels.tolist() == [90, 91, 92, 93, 94] and fine.classes[94] == "f94"
    np.testing.assert_allclose(fine[1], SMALL[1] / 255, atol=1e-6)


def test_stl10_svhn_and_fashion(monkeypatch: pytest.MonkeyPatch, server: type[Server], tmp_path: Path) -> None:
    offer(monkeypatch, server, "stl10", {"stl10_binary.tar.gz": stl10()})
    found = load("stl10", "test", tmp_path)
    assert found.labels is not None and found.labels.tolist() == [0, 9, 1, 1] and found.classes[9] == "truck"
    np.testing.assert_allclose(found[3], LARGE[3] / 255, atol=1e-6)
    assert load("stl10", "unlabeled", tmp_path).labels is None
    offer(monkeypatch, server, "svhn", {"extra_32x32.mat": svhn()})
    digits = load("svhn", "extra", tmp_path)
    assert digits.labels is not None and digits.labels.tolist() == [0, 1, 2, 9, 0]
    np.testing.assert_allclose(digits[4], SMALL[4] / 255, atol=1e-6)
    grey = SMALL[:, :28, :28, 0]
    names = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
    labels = np.array([9, 0, 3, 2, 1], np.uint8)
    offer(monkeypatch, server, "fashion_mnist", dict(zip(names, (idx(grey), idx(labels)), strict=True)))
    fashion = load("fashion_mnist", "test", tmp_path)
    assert (
        fashion.labels is not None and fashion.labels.tolist() == labels.tolist() and fashion.classes[9] == "Ankle boot"
    )
    np.testing.assert_allclose(fashion[0][..., 0], grey[0] / 255, atol=1e-6)


def test_folders(monkeypatch: pytest.MonkeyPatch, server: type[Server], tmp_path: Path) -> None:
    offer(monkeypatch, server, "imagenette", {"imagenette2-320.tgz": imagenette()})
    offer(monkeypatch, server, "eurosat", {"EuroSAT.zip": eurosat()})
    train, test = load("imagenette", "train", tmp_path), load("imagenette", "test", tmp_path)
    assert len(train) == len(test) == 3 and train.classes == ["n00", "n01"] and "/val/" in test.paths[0]
    land = load("eurosat", "train", tmp_path)
    assert len(land) == 4 and land.classes == ["Forest", "River"] and land[0].shape == (16, 16, 3)
    assert sorted(os.listdir(tmp_path / "eurosat")) == ["2750", "EuroSAT.zip"]
    with pytest.raises(ValueError, match="split: is 'test', wanted one of 'train' for 'eurosat'"):
        load("eurosat", "test", tmp_path)
    with pytest.raises(ValueError, match=r"unknown option 'cifar'|cifar10"):
        load("cifar", "train", tmp_path)


def test_downloads_go_on(monkeypatch: pytest.MonkeyPatch, server: type[Server], tmp_path: Path) -> None:
    content = eurosat()
    offer(monkeypatch, server, "eurosat", {"EuroSAT.zip": content})
    server.breaks_after = 1000
    with pytest.raises(ConnectionError, match="it ended after 1000 of"):
        load("eurosat", "train", tmp_path)
    assert os.listdir(tmp_path / "eurosat") == ["EuroSAT.zip.part"]
    server.breaks_after = None
    assert len(load("eurosat", "train", tmp_path)) == 4
    assert server.requests == [("EuroSAT.zip", None), ("EuroSAT.zip", "bytes=1000-")]
    # A server that begins anew, and a part that is whole already.
    for knows_ranges, part in ((False, content[:1000]), (True, content)):
        (tmp_path / "eurosat" / "EuroSAT.zip").rename(tmp_path / "eurosat" / "EuroSAT.zip.part")
        (tmp_path / "eurosat" / "EuroSAT.zip.part").write_bytes(part)
        server.knows_ranges = knows_ranges
        load("eurosat", "train", tmp_path)
        assert (tmp_path / "eurosat" / "EuroSAT.zip").read_bytes() == content
    assert not (tmp_path / "eurosat" / "EuroSAT.zip.part").exists()


def test_what_comes_is_checked(monkeypatch: pytest.MonkeyPatch, server: type[Server], tmp_path: Path) -> None:
    offer(monkeypatch, server, "eurosat", {"EuroSAT.zip": eurosat()})
    server.files["EuroSAT.zip"] = b"<html>a page of your provider</html>"
    with pytest.raises(ValueError, match=r"EuroSAT\.zip: what came has the MD5 [0-9a-f]{32}, wanted [0-9a-f]{32}"):
        load("eurosat", "train", tmp_path)
    assert os.listdir(tmp_path / "eurosat") == []
    server.files.clear()
    with pytest.raises(ConnectionError, match=r"404|Not Found"):
        load("eurosat", "train", tmp_path)


def test_without_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    with pytest.raises(
        ConnectionError, match=r"cannot download https.*not known.*put the file there by hand as '.*gz'"
    ):
        load("cifar10", "train", tmp_path)


def test_files_put_there_by_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    place = tmp_path / "latentmim" / "cifar10"
    place.mkdir(parents=True)
    (place / "cifar-10-binary.tar.gz").write_bytes(cifar10())
    assert len(lm.data.load("cifar10")) == 25
    for damaged in (cifar10()[:2000], b"", b"none", tar({"x": b""})):
        (place / "cifar-10-binary.tar.gz").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"cifar-10-binary\.tar\.gz: .*delete it"):
            lm.data.load("cifar10")


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "imagenette2-320/../../evil", "imagenette2-320/link"])
def test_archives_write_below_their_folder_only(name: str, tmp_path: Path) -> None:
    place = tmp_path / "imagenette"
    place.mkdir()
    with tarfile.open(place / "imagenette2-320.tgz", "w:gz") as archive:
        member = tarfile.TarInfo(name)
        if name.endswith("link"):
            member.type, member.linkname = tarfile.SYMTYPE, "../../evil"
        archive.addfile(member)
    with pytest.raises(ValueError, match=rf"imagenette2-320\.tgz: .*holds '{name}', which is no file"):
        load("imagenette", "train", tmp_path)
    assert os.listdir(tmp_path) == ["imagenette"] and os.listdir(place) == ["imagenette2-320.tgz"]


def test_svhn_without_scipy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "svhn").mkdir()
    (tmp_path / "svhn" / "train_32x32.mat").write_bytes(b"none")
    with pytest.raises(ValueError, match=r"train_32x32\.mat: cannot be read"):
        load("svhn", "train", tmp_path)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(ImportError, match="pip install scipy"):
        load("svhn", "train", tmp_path)


DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_debians_fashion_mnist() -> None:
    train, test = lm.data.load("fashion_mnist"), lm.data.load("fashion_mnist", "test")
    assert (len(train), len(test), train.channels) == (60000, 10000, 1)
    assert test.labels is not None and np.bincount(test.labels).tolist() == [1000] * 10
