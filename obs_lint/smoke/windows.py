"""Windows: tables that remember so many entries and no more, and count what they had to forget."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_TURNS = 8
"""Bits that each entry sets."""


class Traces:
    """What is left of what was forgotten: whether something was ever there, in 8 MB (a Bloom filter).

    `in` is never wrong in saying no. With a million entries it is wrong in saying yes once in 40 million times, with
    ten million once in 18. So what rests on a yes alone is never certain.
    """

    __slots__ = ("_bits", "_mask")

    def __init__(self, bits: int = 26) -> None:
        self._bits = bytearray(1 << (bits - 3))
        self._mask = (1 << bits) - 1

    def add(self, key: Hashable) -> None:
        """Remember that something was there."""
        bits, mask = self._bits, self._mask
        first, step = self._hashes(key)
        for turn in range(_TURNS):
            at = (first + turn * step) & mask
            bits[at >> 3] |= 1 << (at & 7)

    def __contains__(self, key: Hashable) -> bool:
        bits, mask = self._bits, self._mask
        first, step = self._hashes(key)
        for turn in range(_TURNS):
            at = (first + turn * step) & mask
            if not bits[at >> 3] >> (at & 7) & 1:
                return False
        return True

    @staticmethod
    def _hashes(key: Hashable) -> tuple[int, int]:
        value = hash(key) & 0xFFFF_FFFF_FFFF_FFFF
        value = (value ^ (value >> 33)) * 0xFF51AFD7ED558CCD & 0xFFFF_FFFF_FFFF_FFFF
        return value >> 32 ^ value, (value >> 20) | 1


class Window(Generic[K, V]):
    """The entries that were used last, in two generations: at most `limit`, at least half of it.

    When the younger half is full the older one is forgotten; what is used moves to the younger. So a touch costs no
    list of its own, and an entry two dictionary slots.
    """

    __slots__ = ("_half", "_leave", "evicted", "old", "young")

    def __init__(self, limit: int, leave: Callable[[dict[K, V]], None] | None = None) -> None:
        """`leave` is given the entries that are about to be forgotten."""
        self._half = max(limit // 2, 1)
        self._leave = leave
        self.young: dict[K, V] = {}
        self.old: dict[K, V] = {}
        self.evicted = 0
        """How many entries were forgotten."""

    def get(self, key: K) -> V | None:
        """Return the value, and keep it longer; None where there is none."""
        value = self.young.get(key)
        if value is None and key in self.old:
            value = self.old.pop(key)
            self[key] = value
        return value

    def __setitem__(self, key: K, value: V) -> None:
        if key not in self.young and len(self.young) >= self._half:
            if self.old:
                self.evicted += len(self.old)
                if self._leave is not None:
                    self._leave(self.old)
            self.old = self.young
            self.young = {}
        self.young[key] = value
        if self.old:
            self.old.pop(key, None)

    def pop(self, key: K) -> V | None:
        """Take an entry out."""
        value = self.young.pop(key, None)
        return value if value is not None else self.old.pop(key, None)

    def __contains__(self, key: K) -> bool:
        return key in self.young or key in self.old

    def __len__(self) -> int:
        return len(self.young) + len(self.old)

    def items(self) -> list[tuple[K, V]]:
        """Every entry, the older ones first."""
        return [*self.old.items(), *self.young.items()]
