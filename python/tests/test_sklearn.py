"""`Features` as scikit-learn takes it: its own checks, pipelines, grid searches."""

import copy
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SMALL, pixels
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import InputTags
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator
from sklearn.utils.validation import check_array, check_is_fitted

import latentmim as lm


def as_images(rows: Any) -> np.ndarray:
    """Of each row of numbers an image of 8 × 8 pixels."""
    levels = 1 / (1 + np.exp(-check_array(rows)))
    return np.stack([np.resize(row, 8 * 8 * 3) for row in levels]).reshape(-1, 8, 8, 3).astype(np.float32)


class OfRows(lm.Features):
    """The checks hand in tables of numbers, X[samples, features]. Here a row becomes an image."""

    def fit(self, X: Any, y: object = None) -> "OfRows":
        as_images(X)
        return super().fit(X, y)

    def transform(self, X: Any) -> np.ndarray:
        return super().transform(as_images(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags = InputTags()
        return tags


class Validating(OfRows):
    """As if it looked at X as tables are looked at."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.no_validation = False
        return tags


# Checks of how a table is looked at: its columns counted and compared between `fit` and `transform`; NaN, infinity,
# complex numbers, objects, no rows and one dimension refused in words for tables. X is images here.
NOT_APPLICABLE = {
    "check_complex_data", "check_dtype_object", "check_estimators_empty_data_messages", "check_estimators_nan_inf",
    "check_fit1d", "check_fit2d_predict1d", "check_n_features_in", "check_transformer_data_not_an_array",
}  # fmt: skip


def test_scikit_learns_checks(model: lm.LatentMIM) -> None:
    features = OfRows(model.encoder, size=8, short_side=0)
    with warnings.catch_warnings():
        # It has no scikit-learn above it, so that it works without.
        warnings.filterwarnings("ignore", "Estimator OfRows does not inherit")
        found = check_estimator(features, on_skip=None, on_fail=None)
    failed = {check["check_name"]: check["exception"] for check in found if check["status"] == "failed"}
    if not lm.runtime.instruction_set().startswith(("avx512", "amx")):
        # OpenBLAS's products depend in the last bits on what is computed together; these allow for one part in 10⁷.
        invariance = {"check_methods_sample_order_invariance", "check_methods_subset_invariance"}
        failed = {name: error for name, error in failed.items() if name not in invariance}
    assert failed == {}
    assert {check["check_name"] for check in found if check["status"] == "skipped"} <= {"check_array_api_input"}
    passed = {check["check_name"] for check in found if check["status"] == "passed"}
    assert passed >= {
        "check_dict_unchanged", "check_dont_overwrite_parameters", "check_estimator_cloneable", "check_estimator_repr",
        "check_estimators_pickle", "check_fit_idempotent", "check_get_params_invariance", "check_set_params",
        "check_no_attributes_set_in_init", "check_pipeline_consistency", "check_readonly_memmap_input",
        "check_transformer_general", "check_transformer_preserve_dtypes", "check_transformers_unfitted_stateless",
    }  # fmt: skip
    assert names_of(Validating(model.encoder)) - names_of(features) == NOT_APPLICABLE


def names_of(estimator: Any) -> set[str]:
    """The checks that run for its tags."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Estimator .* does not inherit")
        found = [check for _, check in estimator_checks_generator(estimator)]
    return {getattr(check, "func", check).__name__ for check in found}


def test_of_itself(model: lm.LatentMIM) -> None:
    """What runs for input that is no table: whether it can be cloned."""
    with pytest.warns(Warning, match=r"requires input .*three_d_array=True"):
        found = check_estimator(lm.Features(model.encoder), on_skip=None, on_fail=None)
    assert {check["status"] for check in found} == {"passed"}


def test_it_is_evaluate_features(model: lm.LatentMIM, folder: Path, tmp_path: Path) -> None:
    data = lm.ImageFolder(folder)
    model.encoder.save(tmp_path / "e.safetensors")
    options: dict[str, Any] = {"pooling": "max", "layer": [1, 2], "norm": True, "size": 32}
    wanted = lm.evaluate.features(model.encoder, data, progress=False, **options)
    for encoder in (model.encoder, tmp_path / "e.safetensors", str(tmp_path / "e.safetensors")):
        features = lm.Features(encoder, **options)
        assert np.array_equal(features.transform(data.paths), wanted), "without fit, as nothing is learnt"
        assert np.array_equal(features.fit_transform(folder, data.labels), wanted)
        check_is_fitted(features)
        assert features.get_feature_names_out().tolist() == [f"features{number}" for number in range(96)]
        again = pickle.loads(pickle.dumps(features))
        assert again.get_params().keys() == features.get_params().keys()
        (tmp_path / "e.safetensors").rename(tmp_path / "moved")
        assert np.array_equal(again.transform(data.paths), wanted), "its weights are pickled with it"
        (tmp_path / "moved").rename(tmp_path / "e.safetensors")
        for other in (clone(features), copy.deepcopy(features).set_params(encoder=encoder)):
            assert np.array_equal(other.fit(None).transform(data.paths), wanted)
    (folder / "cats" / "01.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    with pytest.warns(UserWarning, match=r"1 of 12 images cannot be read") as warned:
        assert np.isnan(features.transform(lm.ImageFolder(folder, on_error="skip"))).any(1).sum() == 1
    assert warned[0].filename == __file__


def test_grid_search(model: lm.LatentMIM) -> None:
    """Which pooling and which layer: two classes, one of them half white."""
    images, labels = pixels(36, 32, 40), np.arange(36) % 2
    images[labels == 1, :16] = 255
    steps = Pipeline([("features", lm.Features(model.encoder)), ("classify", LogisticRegression(max_iter=500))])
    grid = {"features__pooling": ["mean", "max"], "features__layer": [0, -1], "features__norm": [True]}
    search = GridSearchCV(steps, grid, cv=3, error_score="raise").fit(images, labels)
    assert search.best_score_ > 0.9
    for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        options = {name.removeprefix("features__"): value for name, value in params.items()}
        table = lm.embed(model.encoder, images, progress=False, **options).vectors
        assert score == cross_val_score(LogisticRegression(max_iter=500), table, labels, cv=3).mean()
    assert np.array_equal(search.predict(images), pickle.loads(pickle.dumps(search)).predict(images))
    spread = GridSearchCV(steps, grid, cv=3, n_jobs=2, error_score="raise").fit(images, labels)
    assert np.array_equal(spread.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"])
    assert "Features" in search._repr_html_() and "Features(encoder=" in repr(steps)


def test_cached_steps(model: lm.LatentMIM, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline with `memory` computes what it has computed before no second time, of an equal encoder."""
    data = lm.ImageFolder(folder)

    def fitted(encoder: lm.Encoder) -> Pipeline:
        steps = make_pipeline(lm.Features(encoder), LogisticRegression(), memory=str(tmp_path / "cache"))
        return steps.fit(data.paths, data.labels)

    first = fitted(model.encoder)
    calls: list[int] = []
    monkeypatch.setattr(lm.Features, "transform", lambda *_: calls.append(1))
    second = fitted(lm.LatentMIM(**SMALL, seed=1).encoder)
    assert calls == []
    assert np.array_equal(first[-1].coef_, second[-1].coef_)


def test_what_cannot_be(model: lm.LatentMIM) -> None:
    images = pixels(2, 32, 40)
    with pytest.raises(ValueError, match="Features: unknown option 'poolin'; did you mean 'pooling'"):
        lm.Features(model.encoder).set_params(poolin="max")
    with pytest.raises(
        ValueError, match="pooling: is 'tokens', wanted one vector for each image; `embed` gives tokens"
    ):
        lm.Features(model.encoder, pooling="tokens").fit(images)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="layer: is 7"):
        lm.Features(model.encoder, layer=7).fit(images)
    with pytest.raises(TypeError, match="encoder: is a LatentMIM"):
        lm.Features(model).fit(images)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="nowhere"):
        lm.Features("nowhere.safetensors").fit(images)


def test_it_works_without_scikit_learn(model: lm.LatentMIM, tmp_path: Path) -> None:
    model.encoder.save(tmp_path / "e.safetensors")
    program = f"""
import sys
sys.modules["sklearn"] = None
import numpy as np, latentmim as lm
features = lm.Features({str(tmp_path / "e.safetensors")!r}, pooling="max")
print(features.fit_transform(np.zeros((2, 32, 40, 3), np.uint8)).shape, features)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("(2, 48) Features(encoder='") and done.stdout.endswith("pooling='max')\n")
