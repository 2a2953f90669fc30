"""The settings of the project that UPSTREAM_PROJECT names, as they were before fab_static came.

The commands of benchmarks.upstream stand in front of ours (the first app that has a command wins), lessc
compiles each sheet in a process of its own, and nothing is kept from one build to the next. With $UPSTREAM_KEEPS it is
the same project, built by fab_static: what that keeps is kept.
"""

import importlib
import os

_project = vars(importlib.import_module(os.environ["UPSTREAM_PROJECT"]))
globals().update({name: value for name, value in _project.items() if name.isupper()})

INSTALLED_APPS = [
    *_project.get("UPSTREAM_APPS", []),  # commands of the project's own
    "benchmarks.upstream",
    *_project["INSTALLED_APPS"],
]
COMPRESS_PRECOMPILERS = [
    (
        "text/less",
        f"node {_project['BASE_DIR']}/node_modules/less/bin/lessc {{infile}} {{outfile}}",
    ),
]
if "UPSTREAM_KEEPS" not in os.environ:
    FAB_STATIC_CACHE = None
