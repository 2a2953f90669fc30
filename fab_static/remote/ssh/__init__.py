"""Opens the way to a host as `ssh` would: its configuration, its known_hosts, its keys, hop by hop.

- settings is what OpenSSH says of one host. asking has `ssh -G` say it, once for all hosts that no line tells
  apart. Where there is no ssh, without_ssh reads the configuration as Paramiko does.
- hops finds the way to a host, jump hosts and all.
- reaching makes the stream of bytes to the next hop; proxy_command starts the command that the configuration has.
- opening opens one hop on it: greet, guard, log in.
- shared opens whole ways, a gateway once for all hosts behind it. It goes through doors: few at once, and
  again where one says "not now".
- known_hosts, certificate, revoked and guard judge the key that a hop shows.
- key_files, agent and login choose the keys that we show.
- algorithms says which ciphers, MACs and ways to exchange keys are asked for.
- comparing says for `check` what is not followed. refusal is what each of them raises.

Nothing here is read before a host is asked for: not by an import, not by `fab --list`, not for this machine.
"""
