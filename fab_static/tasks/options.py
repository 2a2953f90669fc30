"""What the options of several tasks mean."""

from __future__ import annotations

YES = "go live without asking, where the inventory says `confirm: true`"
WAIT = "how long to wait for another deploy to end: 600, 90s or 5m (default: not at all)"
PATH = "another checkout on the hosts than the inventory's project.path"
REBUILD = "run every phase, also those whose inputs have not changed"
VERIFY = "run every phase, and fail where what would have been used again differs"
VERBOSE = "show what the commands on the hosts print"
QUIET = "show only what went wrong"
WEB = "let browsers on this machine watch it, at an address that is printed first"
JSON = "print JSON alone on standard output"
GO_BACK = "make live again what was live before, when the probe finds something wrong (exit 1)"
OVER_BUDGET = (
    "go live, and only warn, where a page costs visitors more than `budget` in the inventory"
)
WITHOUT = "hosts to leave out: HOST[,HOST]; the next deploy with them brings them up to date"
