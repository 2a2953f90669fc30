"""A fleet on this machine's loopback, for `make demo` and for the integration tests.

`fleet.py` starts real servers and ends them by the process ids it holds; `ssh_server.py` and
`origin.py` stand in for OpenSSH's sshd and for nginx where those are not installed.
"""
