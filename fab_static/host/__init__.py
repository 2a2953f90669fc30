"""Works on a host. agent.py is sent over SSH (standard library, Python 3.8+); django_probe.py runs in the project's interpreter."""
