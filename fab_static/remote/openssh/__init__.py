"""Reaches hosts through the operator's own `ssh`: `ssh.client: openssh`.

- words are the command lines, each hop's with StrictHostKeyChecking=yes and BatchMode=yes.
- program is the ssh of this machine, or why it will not do.
- master is one connection to one hop, which ssh keeps for all channels.
- room holds the masters of a run and their sockets, in a private folder that goes with the run.
- said reads what ssh says on standard error; refusals puts it into words with their cure.
- shown_key asks which key a hop showed.
- channel is a process on a host; connection puts all of them together.

remote/ssh/ works out the way to a host, hop by hop. ssh alone greets, judges keys and logs in.
"""
