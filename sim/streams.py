"""Random numbers: named streams for parameters, counter-based uniforms for events.

Neither depends on who asked before. Adding a region, a lever or a station leaves every other
draw alone, so that plans face the same world (common random numbers).
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import count

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_FEW = 8
"""Exponentials of a name that are drawn at first; later eight times as many."""
_MIX_2 = np.uint64(0x94D049BB133111EB)


def stream(seed: int, *name: str | int) -> np.random.Generator:
    """Return the generator owned by one named decision.

    ``PCG64`` is written out because ``default_rng`` may change between NumPy versions.
    """
    words = np.frombuffer(_digest(name), dtype="<u4").tolist()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=words)))


def exponentials(seed: int, *name: str | int) -> Iterator[float]:
    """Yield the standard exponentials owned by a name, one after the other.

    Plans that meet the same events ask for the same ones: they are drawn once.
    """
    start = 0
    for size in (_FEW * 8**k for k in count()):
        yield from _first_exponentials(size, seed, *name)[start:]
        start = size


@lru_cache(maxsize=20_000)
def _first_exponentials(size: int, seed: int, *name: str | int) -> tuple[float, ...]:
    return tuple(stream(seed, *name).standard_exponential(size).tolist())


def fraction(seed: int, *name: str | int) -> float:
    """Return the one uniform in (0, 1) owned by a name: cheap, and the same in every process.

    >>> fraction(1, "draw", 0, "KEN.population") == fraction(1, "draw", 0, "KEN.population")
    True
    """
    word = int.from_bytes(_digest((seed, *name))[:8], "little") >> 11
    return (word + 0.5) * 2.0**-53


def stratified(seed: int, place: int, size: int, *name: str | int) -> float:
    """Return the uniform in (0, 1) of one place in a Latin hypercube, for what has that name.

    Of places ``0 .. size - 1`` each lies in another of ``size`` parts of the same width, in an
    order that belongs to the name (McKay, Beckman and Conover 1979, doi:10.2307/1268522); places
    from ``size`` on are of further hypercubes.

    >>> sorted(int(4 * stratified(1, place, 4, "reach")) for place in range(4, 8))
    [0, 1, 2, 3]
    """
    cube, at = divmod(place, size)
    return (_order(seed, size, cube, *name)[at] + fraction(seed, *name, place)) / size


@lru_cache(maxsize=20_000)
def _order(seed: int, size: int, cube: int, *name: str | int) -> tuple[int, ...]:
    return tuple(stream(seed, *name, "hypercube", cube).permutation(size).tolist())


def keys(seed: int, replication: int, decision: str, cells: Sequence[str]) -> NDArray[np.uint64]:
    """Return one 64-bit key per cell, shape (cells,), for ``uniforms``.

    Parameters
    ----------
    decision : name of the draw, such as ``"imaging/service"``.
    cells : names of the cells, such as ISO codes joined with a modality.
    """
    return _keys(seed, replication, decision, tuple(cells)).copy()


@lru_cache(maxsize=512)
def _keys(seed: int, replication: int, decision: str, cells: tuple[str, ...]) -> NDArray[np.uint64]:
    common = _hash((seed, replication, decision, ""))
    words = bytearray()
    for cell in cells:
        own = common.copy()
        own.update(cell.encode())
        words += own.digest()[:8]
    return np.frombuffer(bytes(words), dtype="<u8").astype(np.uint64)


def uniforms(key: NDArray[np.uint64], first: int, count: int = 1) -> NDArray[np.float64]:
    """Return uniforms in (0, 1) for steps ``first .. first + count - 1``.

    Shape ``(count, *key.shape)``. SplitMix64 of key and step (Steele, Lea and Flood 2014), so
    that step 500 costs the same as step 0 and needs no state.
    """
    steps = np.arange(first + 1, first + 1 + count, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = key[None, ...] + steps.reshape(-1, *([1] * key.ndim)) * _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * _MIX_1
        z = (z ^ (z >> np.uint64(27))) * _MIX_2
        z ^= z >> np.uint64(31)
    mantissa = (z >> np.uint64(11)).astype(np.float64)
    return np.asarray((mantissa + 0.5) * 2.0**-53)


def _digest(name: Sequence[str | int]) -> bytes:
    return _hash(name).digest()


def _hash(name: Sequence[str | int]) -> hashlib.blake2b:
    return hashlib.blake2b("/".join(map(str, name)).encode(), digest_size=16)
