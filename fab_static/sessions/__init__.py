"""What stands behind fab_static.api: which phases run, under which lock, and how a run ended.

- environments reads inventories;
- choosing finds out which phases run, or which release goes live;
- running runs the phases;
- rehearsing proves that a rollback would work;
- holding keeps the lock, and tells others of the run;
- ending says what is live in the end.

Only api imports them, and the command line, which asks for the names of environments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fab_static.plan.printed import Difference

# is shown what goes live, and says whether it may
Confirm = Callable[["Difference"], bool]
