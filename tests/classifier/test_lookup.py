import numpy as np
import pytest

from classifier.lookup import Lookup


def keys(*numbers: int) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    return np.array(numbers, dtype=np.uint64)


def test_every_key_gives_its_number_and_any_other_zero() -> None:
    draw = np.random.default_rng(1)
    known = np.unique(draw.integers(1, 2**63, 20_000, dtype=np.uint64))
    numbers = np.arange(1, len(known) + 1, dtype=np.int32)
    lookup = Lookup(known, numbers)
    assert (lookup(known) == numbers).all()
    assert not lookup(known + np.uint64(1))[~np.isin(known + np.uint64(1), known)].any()


def test_neighbours_that_fall_together_are_told_apart() -> None:
    close = np.arange(1, 5_000, dtype=np.uint64) << np.uint64(48)  # equal but for their top bits
    numbers = np.arange(1, 5_000, dtype=np.int32)
    assert (Lookup(close, numbers)(close) == numbers).all()


def test_an_empty_one_knows_nothing() -> None:
    assert Lookup(keys(), np.zeros(0, dtype=np.int32))(keys(1, 2)).tolist() == [0, 0]
    assert Lookup(keys(5), np.array([1], dtype=np.int32))(keys()).tolist() == []


@pytest.mark.parametrize("wrong", [keys(1, 1), keys(0, 1)])
def test_keys_that_cannot_be_told_apart_are_refused(
    wrong: "np.ndarray[tuple[int], np.dtype[np.uint64]]",
) -> None:
    with pytest.raises(ValueError, match="must differ"):
        Lookup(wrong, np.array([1, 2], dtype=np.int32))
