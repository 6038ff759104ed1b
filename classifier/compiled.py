"""Texts to tokens and tokens to ids once more, as loops that numba compiles.

They give what the array arithmetic of `text.tokenise` and `Vocabulary.bags` gives, to the last bit.
No index is checked: each END that ends a text, which is there for every text, ends the loops too.
numba keeps the machine code on disk, and makes it anew when this file changes; a constant that
comes from another file changes nothing until then.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from classifier.lookup import SPREAD, Lookup, Table
from classifier.signs import APOSTROPHE, BREAK, DOT, END, SIGN, WORD, fold, kind
from classifier.text import CRIES, EYES, FROWNS, MOUTH, PRIME, SMILES, WINKS
from classifier.vocabulary import SHIFT


def warm_up() -> None:
    """Compiles both loops, or reads them from the disk, for arrays as their callers have them."""
    raw = np.frombuffer(chr(END).encode("utf-32-le"), dtype=np.uint32)
    _, _, _, names, offsets, shouts = split(raw, 1, fold(), kind(), EYES, MOUTH)
    empty = Lookup(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int32)).table
    bags(names, offsets, shouts, empty, empty, 0)


@njit(cache=True)
def split(
    raw: NDArray[np.uint32],
    texts: int,
    fold: NDArray[np.uint32],
    kind: NDArray[np.uint8],
    eyes: NDArray[np.bool_],
    mouths: NDArray[np.uint32],
) -> tuple[Any, ...]:
    """The fields of `Tokens`, in their order; `raw` has an END after each text, and none else."""
    codes, kinds, capital = _folded(raw, fold, kind, eyes, mouths)
    starts = np.empty(len(codes), dtype=np.int64)
    ends = np.empty(len(codes), dtype=np.int64)
    names = np.empty(len(codes), dtype=np.uint64)
    offsets = np.zeros(texts + 1, dtype=np.int64)
    shouts = np.zeros(texts, dtype=np.bool_)
    place = tokens = text = loud = 0
    while text < texts:
        own = kinds[place]
        single = own == DOT and kinds[place + 1] != DOT and codes[place] == ord(".")
        if own in (BREAK, APOSTROPHE) or single:
            if codes[place] == END:
                shouts[text] = loud > 1
                loud = 0
                text += 1
                offsets[text] = tokens
            place += 1
            continue
        start, name, power, capitals = place, np.uint64(0), np.uint64(1), 0
        while True:
            if own == DOT:
                codes[place] = ord(".")
            name += codes[place] * power
            power *= PRIME
            capitals += capital[place]
            place += 1
            after = kinds[place]
            joins = own == WORD and after == APOSTROPHE and kinds[place + 1] == WORD
            if own == SIGN or (after != own and not joins):
                break
        starts[tokens], ends[tokens], names[tokens] = start, place, name
        tokens += 1
        loud += capitals == place - start and capitals > 2
    return (
        codes,
        starts[:tokens].copy(),
        ends[:tokens].copy(),
        names[:tokens].copy(),
        offsets,
        shouts,
    )


@njit(cache=True)
def _folded(
    raw: NDArray[np.uint32],
    fold: NDArray[np.uint32],
    kind: NDArray[np.uint8],
    eyes: NDArray[np.bool_],
    mouths: NDArray[np.uint32],
) -> tuple[Any, ...]:
    """The characters that stay, folded: which sign, of what kind, and whether it was a capital."""
    codes = np.empty(len(raw), dtype=np.uint32)
    kinds = np.empty(len(raw), dtype=np.uint8)
    capital = np.empty(len(raw), dtype=np.bool_)
    count = covered = 0
    last = before = np.uint32(0)
    for place in range(len(raw)):
        sign = raw[place]
        code = fold[sign]
        if code == 0:
            continue
        codes[count], kinds[count] = code, kind[code]
        capital[count] = sign - np.uint32(65) < np.uint32(26)
        if place < covered:
            kinds[count] = BREAK
        elif sign < 128 and eyes[sign]:
            face, end = _emoticon(raw, place, fold, kind, mouths)
            if face:
                codes[count], kinds[count], covered = face, SIGN, end
        third = (code == last) & (code == before) & (code != END)
        before, last = last, code
        count += not third
    return codes[:count].copy(), kinds[:count], capital[:count]


@njit(cache=True)
def _emoticon(
    raw: NDArray[np.uint32],
    place: int,
    fold: NDArray[np.uint32],
    kind: NDArray[np.uint8],
    mouths: NDArray[np.uint32],
) -> tuple[Any, int]:
    """The sign of the emoticon whose eyes are here, 0 if there is none, and where it ends."""
    nose = raw[place + 1]
    nosed = nose == ord("-") or nose == ord("^") or nose == ord("'")
    end = place + 2 + nosed
    low = raw[end - 1]
    mouth = mouths[low] if low < 128 else np.uint32(0)
    heart = raw[place] == ord("<")
    if mouth == 0 or (low == ord("3")) != heart or (heart and nosed):
        return 0, end
    if kind[fold[raw[end]]] == WORD:
        return 0, end
    if raw[place] == ord(";") and mouth == SMILES:
        return WINKS, end
    if nosed and nose == ord("'") and mouth == FROWNS:
        return CRIES, end
    return mouth, end


@njit(cache=True)
def bags(
    names: NDArray[np.uint64],
    offsets: NDArray[np.int64],
    shouts: NDArray[np.bool_],
    known: Table,
    phrases: Table,
    caps: int,
) -> tuple[Any, ...]:
    """The fields of `Bags`, in their order."""
    wide = np.zeros((len(names), 3), dtype=np.int32)
    for token in range(len(names)):  # a loop of its own: the processor fetches ahead
        wide[token, 0] = _found(known, names[token])
    for part in (0, 1):
        for text in range(len(shouts)):
            for token in range(offsets[text] + 1, offsets[text + 1]):
                head, word = wide[token - 1, part], wide[token, 0]
                if head and word:
                    key = np.uint64(head) << SHIFT | np.uint64(word)
                    wide[token, part + 1] = _found(phrases, key)
    most = 3 * len(names) + len(shouts)
    ids = np.empty(most, dtype=np.int32)
    last = np.empty(most, dtype=np.int64)
    span = np.empty(most, dtype=np.int64)
    edges = np.zeros(len(offsets), dtype=np.int64)
    count = 0
    for text in range(len(shouts)):
        for token in range(offsets[text], offsets[text + 1]):
            for part in range(3):
                ids[count], last[count], span[count] = wide[token, part], token, part + 1
                count += wide[token, part] != 0
        if caps and shouts[text] and count > edges[text]:
            ids[count], last[count], span[count] = caps, last[count - 1], 0
            count += 1
        edges[text + 1] = count
    return ids[:count].copy(), edges, last[:count].copy(), span[:count].copy()


@njit(cache=True)
def _found(table: Table, key: np.uint64) -> Any:
    keys, numbers, shift = table
    slot = np.int64((key * SPREAD) >> shift)
    there, number = keys[slot], numbers[slot]  # both at once, whether they fit or not
    while (there != key) & (there != 0):
        slot = (slot + 1) & (len(keys) - 1)
        there, number = keys[slot], numbers[slot]
    return number
