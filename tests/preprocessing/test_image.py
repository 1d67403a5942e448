"""Images: what comes out is what went in; statistics are numpy's; what cannot be used ends in one clear error."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from assay.artifacts import to_json
from assay.errors import DataError
from tests.preprocessing.conftest import Fit

SPEC = {"image": {"column": "x"}}


def pixels(n: int = 12, shape: tuple[int, ...] = (6, 5), seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8))


def file(array: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def table(files: list[Any], **others: Any) -> dict[str, Any]:
    return {"x": pa.array(files, pa.large_binary()), "y": (["no", "yes"] * len(files))[: len(files)], **others}


@pytest.mark.parametrize(("shape", "channels"), [((6, 5), 1), ((6, 5, 3), 3)])
def test_lossless_images_come_out_bit_for_bit_with_their_mean_and_spread(
    fit: Fit, shape: tuple[int, ...], channels: int
) -> None:
    arrays = pixels(shape=shape)
    fitted = fit(table([file(array) for array in arrays]), SPEC, n_train=8)
    expected = np.stack(arrays).reshape(12, 6, 5, channels).transpose(0, 3, 1, 2)
    signal = fitted.prepared.signal
    assert signal is not None
    assert signal.shape == (channels, 6, 5)
    train = expected[:8].transpose(1, 0, 2, 3).reshape(channels, -1) / 255
    np.testing.assert_allclose(signal.mean, train.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(signal.std, train.std(axis=1), rtol=1e-9)
    encoded = fitted.encode()
    assert encoded.train.signal is not None
    assert encoded.valid.signal is not None
    np.testing.assert_array_equal(fitted.store.array(encoded.train.signal), expected[:8])
    np.testing.assert_array_equal(fitted.store.array(encoded.valid.signal), expected[8:])
    assert fitted.store.array(encoded.train.signal).dtype == np.uint8


def test_many_images_come_out_as_few_do(fit: Fit) -> None:
    fitted = fit(table([file(array) for array in pixels(40)]), SPEC)
    whole = fitted.store.rows(fitted.train)
    one_by_one = [fitted.encoder.features(whole.slice(i, 1))[2] for i in range(40)]
    np.testing.assert_array_equal(fitted.encoder.features(whole)[2], np.concatenate(one_by_one))


def test_grey_images_among_coloured_ones_become_coloured(fit: Fit) -> None:
    grey, coloured = pixels(1)[0], pixels(1, (6, 5, 3))[0]
    fitted = fit(table([file(grey), file(coloured)]), SPEC)
    found = fitted.encoder.features(fitted.store.rows(fitted.train))[2]
    np.testing.assert_array_equal(found[0], np.stack([grey] * 3))


@pytest.mark.parametrize("resize", ["crop", "stretch"])
def test_images_of_any_size_are_brought_to_one(fit: Fit, resize: str) -> None:
    files = [file(np.full((h, w), h, np.uint8)) for h, w in ((20, 9), (7, 31), (8, 8))]
    fitted = fit(table(files), {"image": {"column": "x", "size": [8, 8], "resize": resize}})
    found = fitted.encoder.features(fitted.store.rows(fitted.train))[2]
    assert found.shape == (3, 1, 8, 8)
    np.testing.assert_array_equal(found[:, 0, 4, 4], [20, 7, 8])


def test_a_crop_keeps_the_middle_and_a_stretch_keeps_all(fit: Fit) -> None:
    array = np.zeros((8, 24), np.uint8)
    array[:, 8:16] = 200
    crop, stretch = (
        fit(table([file(array)] * 2), {"image": {"column": "x", "size": 8, "resize": how}})
        for how in ("crop", "stretch")
    )
    assert (crop.encoder.features(crop.store.rows(crop.train))[2] == 200).all()
    assert (stretch.encoder.features(stretch.store.rows(stretch.train))[2][:, :, :, 0] == 0).all()


def test_a_photograph_on_its_side_is_turned_upright(fit: Fit) -> None:
    array = pixels(1, (8, 16))[0]
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter turn clockwise
    fitted = fit(table([file(array, "WEBP", lossless=True, exif=exif)] * 2), SPEC)
    found = fitted.encoder.features(fitted.store.rows(fitted.train))[2]
    np.testing.assert_array_equal(found[0, 0], np.rot90(array, -1))


GOOD = file(np.zeros((6, 5), np.uint8))
BAD = {
    "cut short": (file(pixels(1, (60, 50))[0])[:900], "cut short or damaged|pixels"),
    "no image": (b"GIF89a" + bytes(40), "no PNG, JPEG, WEBP file"),
    "empty": (b"", "it is empty"),
    "missing": (None, "it is missing"),
    "other size": (file(np.zeros((7, 5), np.uint8)), "7 x 5 pixels"),
    "in colour": (file(np.zeros((6, 5, 3), np.uint8)), r"in colour \(RGB\)"),
    "transparent": (file(np.zeros((6, 5, 4), np.uint8)), r"RGBA \(4 channels"),
    "16 bits": (file(np.zeros((6, 5), np.uint16)), "16 bits"),
    "bomb": (file(np.zeros((10_000, 10_000), bool)), "10,000 x 10,000 pixels|claims more than"),
}


@pytest.mark.parametrize("what", BAD)
def test_an_image_that_cannot_be_used_is_named_with_its_row(fit: Fit, what: str) -> None:
    bad, message = BAD[what]
    fitted = fit(table([GOOD] * 5 + [bad]), SPEC, n_train=5)
    with pytest.raises(
        DataError, match=rf"column 'x': 1 of 1 images cannot be used. row 6: .*({message}).*Allowed: whole"
    ):
        fitted.encode()


@pytest.mark.parametrize("what", ["cut short", "no image", "empty", "missing", "transparent", "16 bits", "bomb"])
def test_bad_train_images_are_named_before_anything_is_learned(fit: Fit, what: str) -> None:
    with pytest.raises(DataError, match=r"column 'x': \d of \d images cannot be used"):
        fit(table([GOOD] * 5 + [BAD[what][0]]), {"image": {"column": "x", "size": 6}})


def test_train_images_of_several_sizes_ask_for_one(fit: Fit) -> None:
    with pytest.raises(DataError, match=r"2 sizes: '6 x 5 \(3 images\)', '7 x 5 \(1 images\)'.*size: 64"):
        fit(table([GOOD, GOOD, GOOD, BAD["other size"][0]]), SPEC)


def test_a_column_that_holds_no_files_is_refused(fit: Fit) -> None:
    with pytest.raises(DataError, match=r"preprocessing\.image\.column: 'n' holds int64. Allowed: a column of bytes"):
        fit(table([GOOD] * 2, n=[1, 2]), {"image": {"column": "n"}})
    with pytest.raises(DataError, match=r"'xx' is no feature.*Did you mean 'x'"):
        fit(table([GOOD] * 2), {"image": {"column": "xx"}})
    with pytest.raises(DataError, match=r"named by `preprocessing\.image\.column`"):
        fit(table([GOOD] * 2))


def test_columns_of_the_table_stand_beside_the_image(fit: Fit) -> None:
    fitted = fit(table([file(array) for array in pixels()], n=np.arange(12.0)), SPEC)
    assert fitted.prepared.numeric == ("n",)
    assert [column.name for column in fitted.prepared.inputs] == ["n", "x"]
    numeric, codes, image = fitted.encoder.features(fitted.store.rows(fitted.train))
    assert (numeric.shape, codes.shape, image.shape) == ((12, 1), (12, 0), (12, 1, 6, 5))


@pytest.mark.parametrize("seed", range(3))
def test_other_images_and_the_order_of_rows_leave_no_trace_in_what_is_learned(fit: Fit, seed: int) -> None:
    arrays = [file(array) for array in pixels()]
    others = [file(array) for array in pixels(6, seed=seed + 1)]
    order = np.random.default_rng(seed).permutation(12)
    labels = ["no", "yes"] * 6
    alone = fit(table(arrays), SPEC)
    shuffled = {
        "x": pa.array([*(arrays[i] for i in order), *others], pa.large_binary()),
        "y": [*(labels[i] for i in order), *["no"] * 6],
    }
    assert to_json(fit(shuffled, SPEC, n_train=12).prepared) == to_json(alone.prepared)


def test_what_is_learned_does_hang_on_the_train_images(fit: Fit) -> None:
    first, second = (fit(table([file(array) for array in pixels(seed=seed)]), SPEC) for seed in (0, 1))
    assert first.prepared.signal != second.prepared.signal
