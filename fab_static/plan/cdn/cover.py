"""Names to reach, and names to spare -> the cheapest names and prefixes that reach them, exactly.

What a prefix reaches is a subtree of the radix trie of all names, and two such subtrees are apart or one
holds the other. So the optimum is found bottom-up. A subtree is reached whole, by one prefix, or each half on its
own; then the halves share the prefixes that may be used (a knapsack).
Of the trie only the branches between names to reach are built; what else lies below one is counted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import add

NEVER = 10**24  # dearer than anything that can be had


@dataclass(frozen=True)
class Cover:
    """Single names, and prefixes, that together reach all; how many names they fail to spare."""

    names: tuple[str, ...]
    prefixes: tuple[str, ...]
    needless: int


@dataclass(frozen=True)
class Costs:
    """What things cost, in any unit, as whole numbers: sums are then exact."""

    item: int  # a name or a prefix
    needless: int  # a name to spare that is reached anyway


@dataclass(slots=True)
class _Subtree:
    """The names from `start` to `end`, which have a beginning in common that no other name has.

    `costs[k]` is the least with at most k prefixes; more of them than it is long gain nothing. `whole` is
    the prefix that reaches all, and how many names it fails to spare, or None if no prefix reaches just
    these. `halves` are None where each name is best named, or all are reached by one prefix.
    """

    start: int
    end: int
    costs: list[int]
    whole: tuple[str, int] | None = None
    halves: tuple[_Subtree, _Subtree] | None = None


@dataclass
class Covers:
    """The cheapest covers of some names, by how many prefixes are allowed: `costs[k]` for at most k.

    Args:
        names: to reach; not none.
        spared: to spare; none of `names`.
        worth: what things cost.
        most: prefixes allowed, or None if they are as plentiful as names.
        is_single: whether a name can be named alone.
        allowed: the longest beginning of a text that may be asked for as a prefix.
    """

    names: Iterable[str]
    spared: Iterable[str]
    worth: Costs
    most: int | None
    is_single: Callable[[str], bool]
    allowed: Callable[[str], str]
    costs: list[int] = field(init=False)
    _names: list[str] = field(init=False)
    _spared: list[str] = field(init=False)
    _root: _Subtree = field(init=False)

    def __post_init__(self) -> None:
        self._names, self._spared = sorted(self.names), sorted(self.spared)
        self._root = self._tree()
        self.costs = self._root.costs

    def cover(self, prefixes: int) -> Cover:
        """Return the cheapest cover with at most so many prefixes."""
        names, chosen, needless = [], [], 0
        waiting = [(self._root, prefixes)]
        while waiting:
            tree, allowed = waiting.pop()
            allowed = min(allowed, len(tree.costs) - 1)
            may_begin = allowed > 0 or self.most is None
            share = _share(*tree.halves, allowed, tree.costs[allowed]) if tree.halves else None
            if tree.halves and share is not None and may_begin:
                first, second = tree.halves
                waiting += [(first, share), (second, allowed - share)]
            elif tree.whole and may_begin:
                chosen.append(tree.whole[0])
                needless += tree.whole[1]
            else:
                names += self._names[tree.start : tree.end]
        return Cover(tuple(sorted(names)), tuple(sorted(chosen)), needless)

    def _tree(self) -> _Subtree:
        """Return the root, built from the left: a branch is joined when the next name leaves it."""
        names = self._names
        shared = [-1, *map(_shared, names, names[1:]), -1]
        open_: list[tuple[int, _Subtree]] = []  # each with what it shares with the one before
        for at, name in enumerate(names):
            before, after = shared[at], shared[at + 1]
            if self.is_single(name):
                leaf = _Subtree(at, at + 1, [self.worth.item])
            else:
                whole = self._whole(name, max(before, after))
                leaf = self._reached_whole(_Subtree(at, at + 1, [NEVER], whole))
            open_.append((before, leaf))
            while open_[-1][0] > after:
                depth, second = open_.pop()
                outer, first = open_.pop()
                tree = self._joined(first, second, name[:depth], max(outer, after))
                open_.append((outer, tree))
        return open_[0][1]

    def _joined(self, first: _Subtree, second: _Subtree, text: str, above: int) -> _Subtree:
        """Return two halves as one subtree, each reached alone, or both by one prefix."""
        whole = self._whole(text, above)
        most = len(first.costs) + len(second.costs) - 2
        if self.most is not None:
            # nothing is cheaper than one prefix that spares all, however many are allowed
            most = 0 if whole and not whole[1] else min(most, self.most)
        tree = _Subtree(first.start, second.end, _sums(first.costs, second.costs, most), whole)
        if len(tree.costs) > 1 or self.most is None:
            tree.halves = (first, second)
        return self._reached_whole(tree)

    def _whole(self, text: str, above: int) -> tuple[str, int] | None:
        """Return the prefix that reaches just what begins with a text, and what it fails to spare.

        None where there is none: one no longer than `above`, what the parent's names share, reaches the
        parent's other half too, and is considered there.
        """
        prefix = self.allowed(text) if len(text) > above else ""
        return (prefix, self._count(prefix)) if len(prefix) > above else None

    def _reached_whole(self, tree: _Subtree) -> _Subtree:
        """Reach a subtree by one prefix where that is cheaper."""
        if tree.whole:
            cost = self.worth.item + self.worth.needless * tree.whole[1]
            taken = 0 if self.most is None else 1
            if tree.costs[min(taken, len(tree.costs) - 1)] > cost:
                later = tree.costs[taken:] or [cost]
                tree.costs = _trimmed(tree.costs[:taken] + [min(cost, one) for one in later])
        return tree

    def _count(self, prefix: str) -> int:
        """Return how many names to spare begin with the prefix."""
        start = bisect_left(self._spared, prefix)
        size = len(prefix)
        return bisect_right(self._spared, prefix, start, key=lambda name: name[:size]) - start


def _sums(one: list[int], other: list[int], most: int) -> list[int]:
    """Return the least sums for 0, 1, … `most` prefixes, shared out between two subtrees."""
    costs = [one[0] + other[0]]
    backwards = other[::-1]
    for allowed in range(1, most + 1):
        start, end = max(0, allowed - len(other) + 1), min(allowed + 1, len(one))
        skipped = max(0, len(other) - 1 - allowed)
        costs.append(min(map(add, one[start:end], backwards[skipped:])))
    return _trimmed(costs)


def _share(first: _Subtree, second: _Subtree, allowed: int, cost: int) -> int | None:
    """Return how many prefixes the first half has when both cost this much apart, or None if they never do."""
    start, end = max(0, allowed - len(second.costs) + 1), min(allowed + 1, len(first.costs))
    shares = range(start, end)
    return next((k for k in shares if first.costs[k] + second.costs[allowed - k] == cost), None)


def _trimmed(costs: list[int]) -> list[int]:
    """Leave out the numbers of prefixes that gain nothing over fewer."""
    while len(costs) > 1 and costs[-1] == costs[-2]:
        costs.pop()
    return costs


def _shared(one: str, other: str) -> int:
    """Return how many characters two different names have in common at the beginning."""
    for at, (first, second) in enumerate(zip(one, other, strict=False)):
        if first != second:
            return at
    return min(len(one), len(other))
