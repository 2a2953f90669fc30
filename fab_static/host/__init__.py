"""Works on a host, standard library alone: nothing of it is installed there.

archive.py packs modules, and loader.py imports them on the host. agent/ is sent over SSH (Python 3.8+), and runs
where it lies on the operator's own machine; project/ runs in the project's interpreter.
"""
