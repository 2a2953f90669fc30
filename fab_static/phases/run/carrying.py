"""What a run knows of the cache that travels: see carried.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fab_static.aws.s3 import Bucket
    from fab_static.plan.carried import Build, Copies, Placed
    from fab_static.plan.carried_answers import Answers
    from fab_static.plan.wire.kept import Listing


@dataclass
class Carrying:
    """The builds, copies and answers that were found in the cache, and what this run has to leave there.

    `builds`, `copies` and `answers` are None while nobody has looked. `places` are those of the build host. Where `may_be_whole` is false, an
    object was missing or damaged: what builds name is sent again.

    What was found out once in a run stays so: `here` are objects that the build host has; `placed` are listings of builds
    with the places of this machine, by id() of the build and their name there; `listings` are those that may be put back,
    by their name here, each with the files beside the static root that it was judged by.
    """

    bucket: Bucket | None = None
    builds: list[Build] | None = None
    copies: Copies | None = None
    answers: list[Answers] | None = None
    places: dict[str, str] = field(default_factory=dict)
    has_run: bool = False
    may_be_whole: bool = True
    told: set[str] = field(default_factory=set)
    here: set[str] = field(default_factory=set)
    placed: dict[tuple[int, str], Placed | None] = field(default_factory=dict)
    listings: dict[str, tuple[Listing, frozenset[str]]] = field(default_factory=dict)

    @property
    def records(self) -> list[Build | Copies]:
        """All that was found in the cache, and names packs."""
        return [*(self.builds or ()), *([self.copies] if self.copies else ())]
