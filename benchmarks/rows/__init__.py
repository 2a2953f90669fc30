"""The rows of RESULTS.md.

Each module names its ROWS, and measures them: `measure(folder, times, tell, small)` yields each when it is done.
"""

from __future__ import annotations

from benchmarks.rows import (
    building,
    carried,
    clients,
    commands,
    commcare,
    deltas,
    deploying,
    distributing,
    far_away,
    looking,
    memory,
    pruning,
    rolling_back,
    scaling,
    starting,
    thousand,
    through_store,
    tracing,
)

MODULES = {
    "sample": building.OF_SAMPLE,
    "generated": building.OF_GENERATED,
    "carried": carried,
    "commcare": commcare,
    "deltas": deltas,
    "deploy": deploying,
    "distribute": distributing,
    "far": far_away,
    "store": through_store,
    "rollback": rolling_back,
    "status": looking,
    "client": clients,
    "prune": pruning,
    "memory": memory,
    "scale": scaling,
    "start": starting,
    "commands": commands,
    "thousand": thousand,
    "tracing": tracing,
}
