"""Runs manage.py, or another module of ours, and records what that reads to the end of the process.

It takes FAB_STATIC_RECORD, JSON, out of its environment, and runs manage.py with the arguments given, as
`python manage.py …` would; with "main" it runs main() of that module instead:

    {"to": path of the record, "token": of this run, "given": what the agent says of the run, "start": seconds
     since 1970, "before": path of the last run's record, "manage": ["compress", "--force"], "inside": [folders
     and files whose states the caller keeps], "builds": [files and folders that builds make; or none], "trust":
     [native modules that read nothing unseen], "begins": a module of ours whose begin() is called first; or none}

Python 3.8 or later, standard library.
"""

# exec: to run the project's manage.py is what it is for
# ruff: noqa: S102

from __future__ import annotations

import atexit
import json
import os
import sys
from importlib import import_module
from typing import Any, Mapping

from fab_static.host.project.reads.recorder import Recorder
from fab_static.host.project.reads.states import FORMAT, Row, read_record

RECORD = "FAB_STATIC_RECORD"


def main() -> None:
    """Record from now on to the end of the process, and run manage.py, or the module that the order names."""
    order = json.loads(os.environ.pop(RECORD))
    recorder = Recorder(order["start"], order["inside"], order["trust"])
    recorder.makes(order.get("builds", ()))
    recorder.knows(read_record(order["before"]))
    if "main" in order:
        main = import_module(order["main"]).main  # compiled before we listen: it is not an input
        recorder.ended = lambda answer: write(recorder, order, answer)
        recorder.begin()
        main()
    else:
        atexit.register(write, recorder, order)  # first, and so called last
        recorder.begin()
        if "begins" in order:
            import_module(order["begins"]).begin(order["trust"])
        sys.argv = ["manage.py", *order["manage"]]
        run_as_main("manage.py")


def write(recorder: Recorder, order: Mapping[str, Any], answer: str | None = None) -> None:
    """Write down what was read; where that fails, the run is not used again."""
    try:
        inputs, unseen = recorder.record()
        more = {
            **recorder.more,
            "inside": recorder.inside.document(recorder.inputs, recorder.written),
        }
        write_record(order, inputs, unseen, more, answer)
    except Exception as error:
        sys.stderr.write(f"fab_static: what it read was not recorded: {error!r}\n")


def write_record(
    order: Mapping[str, Any],
    inputs: list[Row],
    unseen: list[str],
    more: Mapping[str, Any],
    answer: str | None,
) -> None:
    """Write a record whole, for its user alone."""
    document = {
        "format": FORMAT,
        "token": order["token"],
        "given": order["given"],
        "inputs": inputs,
        "unseen": unseen,
        **more,
        "answer": answer,
    }
    temporary = "{}.{}".format(order["to"], os.getpid())
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        # json.dump is written in Python, and takes five times as long
        file.write(json.dumps(document))
    os.replace(temporary, order["to"])


def run_as_main(script: str) -> None:
    """Run a script as `python script` does, tracebacks included."""
    path = os.path.abspath(script)
    if not getattr(sys.flags, "safe_path", False):
        sys.path[:1] = [os.path.dirname(os.path.realpath(path))]
    main = sys.modules["__main__"]
    names = vars(main)
    for name in [name for name in names if not name.startswith("__")]:
        del names[name]
    names.update(__file__=path if sys.version_info >= (3, 9) else script, __cached__=None)
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        sys.stderr.write(
            f"{sys.executable}: can't open file '{path}': [Errno {error.errno}] {error.strerror}\n"
        )
        sys.exit(2)
    try:
        exec(compile(source, path, "exec"), names)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        trace = error.__traceback__  # without this frame of ours
        error.__traceback__ = trace.tb_next if trace else None
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)
