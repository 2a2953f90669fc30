"""The host agent: lists, checks, stores, links and flips, below one folder of one host.

Sent over the SSH connection when it is opened, and gone with it: nothing of ours is installed. It needs
only the standard library of Python 3.8. It starts in wire.py; each module is imported when it is first needed.

Laws: it writes and removes below `deploy_to`, and never through a link there. Elsewhere it writes at paths
alone that a request names: the static root, the project's own manifest. It also reads what describes the host:
/proc, PATH, nginx's configuration. Bytes are written aside and renamed; nothing sealed is ever written to.
"""
