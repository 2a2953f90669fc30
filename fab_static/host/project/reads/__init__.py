"""What a run of the project's Python read, and whether all of that is as it was.

A run is used again only when nothing that it could see has changed: the files it opened, looked for or listed, its
modules, its environment and its command line. Some things cannot be seen: a program that it started, a connection, a
native library that reads for itself. Such a run is not used again, and its record says why.

recorder and run work in the project's interpreter; compared works in the agent.
"""
