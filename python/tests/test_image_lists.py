"""Image files by a list: of paths, in a table, in CoOp's divisions; some images of every class."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels

import latentmim as lm


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.jpg"))


def test_a_list_is_the_folder(folder: Path) -> None:
    photos = lm.ImageFolder(folder)
    listed = lm.data.ImageList(photos.paths, [path.parent.name for path in map(Path, photos.paths)])
    assert listed.paths == photos.paths and listed.classes == photos.classes == ["cats", "dogs"]
    np.testing.assert_array_equal(listed.labels, photos.labels)
    config = lm.LatentMIM(**SMALL).config
    np.testing.assert_array_equal(listed.crops(config), photos.crops(config))
    assert repr(listed) == "ImageList(12 images, 2 classes)"


def test_labels_are_names_or_numbers(folder: Path) -> None:
    paths = files(folder)[:3]
    assert lm.data.ImageList(paths).labels is None
    numbers = lm.data.ImageList(paths, [2, 0, 2])
    assert numbers.labels is not None and numbers.labels.tolist() == [2, 0, 2] and numbers.classes == []
    named = lm.data.ImageList(paths, ["b", "é", "B"])
    assert named.classes == ["B", "b", "é"] and named.labels is not None and named.labels.tolist() == [1, 2, 0]
    given = lm.data.ImageList(
        [path.name for path in paths], ["x", "x", "y"], classes=["y", "x", "z"], root=folder / "cats"
    )
    assert given.classes == ["y", "x", "z"] and given.labels is not None and given.labels.tolist() == [1, 1, 0]
    assert given[0].shape == (40, 52, 3)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (([],), ValueError, "no files"),
        (("photos",), TypeError, "ImageFolder"),
        ((["a"], [0, 1]), ValueError, "2 labels for 1 images"),
        ((["a", "b"], ["x", 1]), TypeError, "holds 1 among names"),
        ((["a"], [0.5]), TypeError, "wanted integers"),
        ((["a"], [-1]), ValueError, "label -1"),
        ((["a\0b"],), ValueError, "zero byte"),
    ],
)
def test_lists_that_are_none(arguments: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        lm.data.ImageList(*arguments)


def test_labels_among_the_classes() -> None:
    with pytest.raises(ValueError, match="image 1 has label 'y', which is not among the 1 classes"):
        lm.data.ImageList(["a", "b"], ["x", "y"], classes=["x"])
    with pytest.raises(ValueError, match="twice"):
        lm.data.ImageList(["a"], classes=["x", "x"])


def test_unreadable_files_of_a_list(folder: Path) -> None:
    paths = [*files(folder)[:2], folder / "none.jpg"]
    with pytest.raises(FileNotFoundError):
        lm.data.ImageList(paths)[2]
    skipping = lm.data.ImageList(paths, on_error="skip")
    assert np.isnan(skipping.resized(8)[2]).all() and skipping.skipped[0][0] == str(paths[2])


def test_tables(folder: Path, tmp_path: Path) -> None:
    rows = [(path.relative_to(folder), path.parent.name) for path in files(folder)]
    table = tmp_path / "table.csv"
    table.write_text("\ufeffid,label,path\n" + "".join(f'7,{label},"{path}"\n\n' for path, label in rows))
    listed = lm.data.from_csv(table, root=folder)
    assert len(listed) == 12 and listed.classes == ["cats", "dogs"]
    assert listed.labels is not None and listed.labels.tolist() == [0] * 6 + [1] * 6
    numbered = folder / "numbers.csv"  # paths begin where the table lies
    numbered.write_text("file,y\n" + "".join(f"{path},{index}\n" for index, (path, _) in enumerate(rows)))
    found = lm.data.from_csv(numbered, path_column="file", label_column="y")
    assert found.labels is not None and found.labels.tolist() == list(range(12)) and found.classes == []
    assert found[11].shape == (40, 52, 3)
    assert lm.data.from_csv(numbered, path_column="file", label_column=None).labels is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,label\na,b\n", "line 1: has no column 'path', its columns are 'file', 'label'"),
        ("path,path,label\na,b,c\n", "line 1: has more than one column 'path'"),
        ("path,label\na,b\n\nc\n", "line 4, column 'label': is empty, wanted a label"),
        ("path,label\n,b\n", "line 2, column 'path': is empty, wanted a path"),
        ("path,label\na,1\nb,-2\n", "line 3, column 'label': is -2"),
        ("path,label\n", "no rows"),
        ("", "no column 'path'"),
        ('path,label\n"a,b\n', "line 2: is no CSV"),
    ],
)
def test_errors_of_tables_name_line_and_column(tmp_path: Path, text: str, message: str) -> None:
    table = tmp_path / "table.csv"
    table.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        lm.data.from_csv(table)
    assert str(table) in str(caught.value)


def test_parquet(folder: Path, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    paths = [str(path) for path in files(folder)]
    table = tmp_path / "table.parquet"
    parquet.write_table(pyarrow.table({"path": paths, "label": [path.split("/")[-2] for path in paths]}), table)
    listed = lm.data.from_csv(table)
    assert listed.paths == paths and listed.classes == ["cats", "dogs"]
    parquet.write_table(pyarrow.table({"path": paths, "label": [*range(11), None]}), table)
    with pytest.raises(ValueError, match="row 11, column 'label': is empty"):
        lm.data.from_csv(table)
    with pytest.raises(ValueError, match="no column 'file'"):
        lm.data.from_csv(table, path_column="file")
    table.write_bytes(table.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"table\.parquet: cannot be read as Parquet"):
        lm.data.from_csv(table)


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "table").write_bytes(b"PAR1 and so on")
    with pytest.raises(ImportError, match=r"pip install 'latentmim\[parquet\]'"):
        lm.data.from_csv(tmp_path / "table")


def test_few_shots_of_every_class() -> None:
    labels = np.array([3, 1, 7] * 10 + [1] * 5)
    data = lm.Arrays(pixels(35), labels)
    drawn = lm.data.few_shot(data, 4, seed=5)
    assert drawn.labels is not None and drawn.labels.tolist() == [1] * 4 + [3] * 4 + [7] * 4
    assert len(set(drawn.indices.tolist())) == 12
    np.testing.assert_array_equal(drawn.indices, lm.data.few_shot(data, 4, seed=5).indices)
    assert drawn.indices.tolist() != lm.data.few_shot(data, 4, seed=6).indices.tolist()
    # The same on every machine, in every version.
    assert drawn.indices.tolist() == [33, 34, 32, 16, 18, 27, 15, 9, 5, 20, 11, 14]
    with pytest.raises(ValueError, match="class 3 has 10 images, wanted 11 or more"):
        lm.data.few_shot(data, 11)
    with pytest.raises(ValueError, match="shots: is 0"):
        lm.data.few_shot(data, 0)
    with pytest.raises(ValueError, match="no labels"):
        lm.data.few_shot(lm.Arrays(pixels(3)), 1)


def test_coop_divisions(folder: Path, tmp_path: Path) -> None:
    entries = [
        [str(path.relative_to(folder)), int(path.parent.name == "dogs"), path.parent.name] for path in files(folder)
    ]
    place = tmp_path / "split_zhou_Pets.json"
    place.write_text(json.dumps({"train": entries[::2], "val": entries[1:2], "test": entries[3::2]}))
    parts = lm.data.coop_split(place, folder)
    assert {name: len(part) for name, part in parts.items()} == {"train": 6, "val": 1, "test": 5}
    assert all(part.classes == ["cats", "dogs"] for part in parts.values())
    assert parts["test"][4].shape == (40, 52, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[]", "wanted an object"),
        ('{"train": []}', "'train': wanted a list"),
        ('{"train": [["a", 0, "x"], ["b", "0", "x"]]}', "'train', entry 1: is "),
        ('{"train": [["a", 0, "x"], ["b", 0, "y"]]}', "label 0 is called 'y', and 'x' before"),
        ('{"train": [["a", 1, "x"]]}', "no image has label 0"),
    ],
)
def test_errors_of_coop_divisions(tmp_path: Path, text: str, message: str) -> None:
    place = tmp_path / "split_zhou_Pets.json"
    place.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        lm.data.coop_split(place, tmp_path)
    assert str(place) in str(caught.value)
