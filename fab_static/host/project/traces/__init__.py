"""What programs read that a run starts: lessc, git, Node and all that they start themselves.

`strace` writes down each call by which a process asks the kernel for a file, a folder, a program or a connection.
strace says how it is started, and whether this host lets us; lines reads what it wrote; processes knows who runs where;
calls says what a call reads or writes; seen keeps that, in the words of host/project/reads. temporary makes folders
for the while that a program runs.

What is not understood makes the run one that is not used again. It is never passed over.
"""
