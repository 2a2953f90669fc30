"""SPEAKS: the command line, fab <environment> <task> [options].

Reads words, clock and files, calls the api, prints, and exits with the code that says how it ended. This
folder alone imports invoke, prints and exits.

- namespace is what a fabfile gets;
- living, looking, serving and single hold the tasks;
- ending turns how a task ends into words and a code;
- chosen and names know how things are called on this command line.

`fab --list` runs no task. So each task imports what it needs in its body. The list is there at once, and
`status` does not wait for what only a deploy needs.
"""

from fab_static.tasks.ending import EXIT_CODES
from fab_static.tasks.namespace import TASKS, calling_folder, namespace_beside

__all__ = ["EXIT_CODES", "TASKS", "calling_folder", "namespace_beside"]
