"""Attention, and what is refused of queries and the like."""

import numpy as np
import pytest
from conftest import SMALL, pixels

import latentmim as lm

PHOTO = pixels(1, 30, 44)[0]
GRID = (3, 4)


def weights(*shape: int) -> np.ndarray:
    drawn = np.random.default_rng(0).random(shape).astype(np.float32)
    return drawn / drawn.sum(axis=-1, keepdims=True)


def cells(shown: np.ndarray) -> np.ndarray:
    """The middle of each patch."""
    return shown[np.ix_([4, 14, 24], [5, 16, 27, 38])]


def test_attention_of_the_class_token_and_of_patches() -> None:
    """Rows and columns of the patches, behind the class token and registers."""
    full = weights(5, 16, 16)  # a class token, three registers
    axes = lm.plot.attention(full, PHOTO, grid=GRID)
    titles = [one.get_title().split(",")[0] for one in axes]
    assert titles == ["class token", "mean", *(f"head {i}" for i in range(1, 6))]
    assert np.array_equal(axes[0].images[0].get_array(), PHOTO)
    assert np.allclose(cells(axes[1].images[0].get_array()), full[:, 0, 4:].mean(0).reshape(GRID))
    for head in range(5):
        assert np.array_equal(cells(axes[2 + head].images[0].get_array()), full[head, 0, 4:].reshape(GRID))
        low, high = axes[2 + head].images[0].get_clim()
        assert low == 0 and high == pytest.approx(np.quantile(full[head, 0, 4:], 0.995))
    assert not axes[0].patches
    asked = lm.plot.attention(full, PHOTO, (43, 10), grid=GRID)
    for head in range(5):
        assert np.array_equal(cells(asked[2 + head].images[0].get_array()), full[head, 4 + 7, 4:].reshape(GRID))
    assert all((one.patches[0].get_y(), one.patches[0].get_x()) == (9.5, 32.5) for one in asked)
    alone = lm.plot.attention(full[:, 0], PHOTO, grid=GRID)
    assert np.array_equal(cells(alone[4].images[0].get_array()), full[2, 0, 4:].reshape(GRID))


def test_attention_maps_are_perceptually_uniform_and_of_any_number() -> None:
    many = lm.plot.attention(weights(12, 13, 13), PHOTO, grid=GRID)
    assert many.shape == (14,) and many[3].images[0].get_cmap().name == "viridis"
    assert len(many.figure.axes) == 14, "no empty panels"
    assert len(lm.plot.attention(weights(7, 13), PHOTO, grid=GRID).figure.axes) == 9
    many._repr_png_()


def test_attention_of_an_encoder(model: lm.LatentMIM) -> None:
    encoder = model.encoder
    photo = pixels(1, 24, 32)[0]
    full = encoder.attention(photo, layer=1)
    axes = lm.plot.attention(encoder, photo, (31, 9), layer=1, size="nearest")
    given = lm.plot.attention(full, photo, (31, 9), grid=(3, 4))
    for one, other in zip(axes, given, strict=True):
        assert np.array_equal(one.images[0].get_array(), other.images[0].get_array())
    first = full[0, encoder.leading_tokens + 7, encoder.leading_tokens :].reshape(3, 4)
    assert np.array_equal(axes[2].images[0].get_array()[4::8, 4::8], first)
    if not encoder.has_class_token:
        with pytest.raises(ValueError, match="attention: query is None and there is no class token"):
            lm.plot.attention(encoder, photo, size="nearest")
    with_class_token = lm.LatentMIM(**SMALL, class_token=True).encoder
    shown = lm.plot.attention(with_class_token, photo, size="nearest")[3].images[0].get_array()[4::8, 4::8]
    assert np.array_equal(shown.ravel(), with_class_token.attention(photo)[1, 0, 1:])


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (weights(3, 11, 11), {"grid": GRID}, r"source has shape \[3, 11, 11\].*at least the 12 patches"),
        (weights(3, 12, 13), {"grid": GRID}, r"source has shape \[3, 12, 13\]"),
        (weights(12), {"grid": GRID}, r"source has shape \[12\]"),
        (weights(3, 12, 12), {"grid": GRID}, r"query is None and there is no class token"),
        (weights(3, 12, 12), {}, r"grid is None, wanted \(rows, columns\)"),
        (weights(3, 12, 12) * np.nan, {"grid": GRID}, "source holds numbers that are not finite"),
        (weights(3, 13, 13), {"grid": GRID, "query": (44, 0)}, r"query is \(44, 0\), wanted x in 0 … 43"),
    ],
)
def test_attention_that_does_not_fit_is_refused(given: np.ndarray, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"attention: {message}"):
        lm.plot.attention(given, PHOTO, **options)


def test_options_belong_to_encoders() -> None:
    with pytest.raises(TypeError, match="attention: layer given, wanted only with an encoder"):
        lm.plot.attention(weights(3, 13), PHOTO, grid=GRID, layer=2)
    with pytest.raises(TypeError, match=r"attention: source: dtype is int64"):
        lm.plot.attention(np.ones((3, 13), int), PHOTO, grid=GRID)


@pytest.mark.parametrize("query", [(-1, 0), (44, 0), (0, 30), (np.nan, 2)])
def test_queries_outside_the_image_are_refused(model: lm.LatentMIM, query: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"query is \(.*\), wanted x in 0 … 43 and y in 0 … 29"):
        lm.plot.neighborhoods(model.encoder, PHOTO, [(3, 3), query])
    with pytest.raises(ValueError, match=r"matches: query is \("):
        lm.plot.matches(model.encoder, PHOTO, query, [PHOTO], progress=False)


@pytest.mark.parametrize("query", ["ab", [1, 2, 3], (), ((1, 2), (3,)), None])
def test_what_is_no_query_is_refused(model: lm.LatentMIM, query: object) -> None:
    with pytest.raises(TypeError, match=r"neighborhoods: quer(y|ies) is .*, wanted (a pixel|pixels) \(x, y\)"):
        lm.plot.neighborhoods(model.encoder, PHOTO, query)
    with pytest.raises(TypeError, match=r"matches: query is .*, wanted a pixel \(x, y\)"):
        lm.plot.matches(model.encoder, PHOTO, query, [PHOTO], progress=False)


def test_numbers_out_of_range_are_refused(model: lm.LatentMIM) -> None:
    encoder = model.encoder
    for thresholds in ([], [0.3, 0.5], [1.5], [0.5, 0.5], "high"):
        with pytest.raises(ValueError, match=r"neighborhoods: thresholds is \[.*\], wanted cosines that descend"):
            lm.plot.neighborhoods(encoder, PHOTO, 1, thresholds)
    with pytest.raises(ValueError, match=r"neighborhoods: queries is 0, wanted at least 1"):
        lm.plot.neighborhoods(encoder, PHOTO, 0)
    with pytest.raises(ValueError, match=r"matches: count is 0, wanted at least 1"):
        lm.plot.matches(encoder, PHOTO, (1, 1), [PHOTO], 0)
    with pytest.raises(ValueError, match=r"matches: images holds no image"):
        lm.plot.matches(encoder, PHOTO, (1, 1), [])
    with pytest.raises(TypeError, match=r"matches: query is \[\(1, 1\), \(2, 2\)\], wanted a pixel"):
        lm.plot.matches(encoder, PHOTO, [(1, 1), (2, 2)], [PHOTO])
    with pytest.raises(ValueError, match=r"pca: unknown option 'layers'; did you mean 'layer'"):
        lm.plot.pca(encoder, PHOTO, layers=2)
    with pytest.raises(ValueError, match=r"pca: images have 1 patches, wanted at least 4"):
        lm.plot.pca(encoder, pixels(1, 8, 8)[0], size="nearest")
    with pytest.raises(ValueError, match=r"pca: layer is \[1, 2\], wanted one"):
        lm.plot.pca(encoder, PHOTO, layer=[1, 2])
    with pytest.raises(TypeError, match=r"encoder: is a LatentMIM"):
        lm.plot.pca(model, PHOTO)
    with pytest.raises(ValueError, match=r"neighbors: count is 0, wanted at least 1"):
        lm.plot.neighbors(encoder, lm.Arrays(pixels(4)), [0], 0, progress=False)
    with pytest.raises(ValueError, match=r"neighbors: queries hold 4, wanted indices of the 4 images"):
        lm.plot.neighbors(encoder, lm.Arrays(pixels(4)), [0, 4], progress=False)
