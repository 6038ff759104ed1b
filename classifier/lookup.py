"""A fixed map from 64-bit keys to numbers that is asked for many keys at once."""

import numpy as np
from numpy.typing import NDArray

SPREAD = np.uint64(0xD6E8FEB86659FD93)  # odd; multiplying by it carries every bit to the top ones

Table = tuple[NDArray[np.uint64], NDArray[np.int32], np.uint64]
"""Keys, numbers, and how far a spread key is shifted to name its slot."""


class Lookup:
    """Open addressing in two arrays, at most a quarter full; 0 is no key and no number."""

    def __init__(self, keys: NDArray[np.uint64], numbers: NDArray[np.int32]) -> None:
        """Takes keys, all different and none 0, and the number of each.

        Raises:
            ValueError: a key is 0 or given twice.
        """
        if not keys.all() or len(np.unique(keys)) != len(keys):
            raise ValueError("keys must differ, and none be 0")
        bits = max(4, (4 * len(keys)).bit_length())
        self._shift = np.uint64(64 - bits)
        self._mask = (1 << bits) - 1
        self._keys = np.zeros(1 << bits, dtype=np.uint64)
        self._numbers = np.zeros(1 << bits, dtype=np.int32)
        left = np.arange(len(keys))
        slots = self._slots(keys)
        while len(left):
            free = left[self._keys[slots[left]] == 0]
            _, first = np.unique(slots[free], return_index=True)
            placed = free[first]
            self._keys[slots[placed]] = keys[placed]
            self._numbers[slots[placed]] = numbers[placed]
            left = left[self._keys[slots[left]] != keys[left]]
            slots[left] = (slots[left] + 1) & self._mask

    def __call__(self, keys: NDArray[np.uint64]) -> NDArray[np.int32]:
        """The number of each key; 0 for one that is not there."""
        slots = self._slots(keys)
        there = self._keys[slots]
        found = self._numbers[slots]
        # Where another key is the number is not ours: look further. Where none is it is 0.
        other = ((there != keys) & (there != 0)).nonzero()[0]
        found[other] = 0
        while len(other):
            slots[other] = (slots[other] + 1) & self._mask
            there = self._keys[slots[other]]
            hit = there == keys[other]
            found[other[hit]] = self._numbers[slots[other[hit]]]
            other = other[~hit & (there != 0)]
        return found

    @property
    def table(self) -> Table:
        """What a compiled kernel needs to look up by itself."""
        return self._keys, self._numbers, self._shift

    def _slots(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        return ((keys * SPREAD) >> self._shift).astype(np.int64)
