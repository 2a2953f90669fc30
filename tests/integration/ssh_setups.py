"""The table: set-ups of SSH, each run against `ssh` and against us.

A row is what stands in ~/.ssh/config and known_hosts of an account, who is asked for, and what should come of it:
`in`, or words of our refusal: what it says, and with what cure. `bench.words` are what braces name.
"""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

HOST = "Host web1\n  HostName {at_plain}\n  Port 2208\n  IdentityFile {keys}/ck\n"
KNOWN = "[{at_plain}]:2208 {plain}\n"
REST = "  Port 2208\n  IdentityFile {keys}/ck\n"


def to(server: str, more: str = "") -> str:
    """Return the lines by which web1 is this server."""
    return f"Host web1\n  HostName {{at_{server}}}\n" + REST + more


def at(*servers: str) -> str:
    """Return lines of known_hosts for these servers."""
    return "".join(f"[{{at_{name}}}]:2208 {{{name}}}\n" for name in servers)


LIKE_PLAIN = "[127.0.8.1?]:2208 {plain}\n"  # servers of other habits, with that key
JUMP = "Host jump\n  HostName {at_bastion}\n" + REST
VIA_JUMP = HOST + "  ProxyJump jump\n" + JUMP

CONFIGURATION: list[Row] = [
    {"name": "HostName, Port, IdentityFile"},
    {"name": "Include", "config": "Include more\n", "files": {"more": HOST}},
    {"name": "Include of a pattern", "config": "Include conf.d/*\n", "files": {"conf.d/10-web": HOST}},
    {"name": "Match host", "config": "Match host web1\n  HostName {at_plain}\n" + REST},
    {"name": "Match originalhost", "config": "Host web1\n  HostName {at_plain}\nMatch originalhost web1\n" + REST},
    {"name": "Match user, of the inventory", "config": "Match user {account}\n  HostName {at_plain}\n" + REST,
     "ssh": {"user": "{account}"}, "words": ["-l", "{account}"]},
    {"name": "Match exec that is true", "config": 'Match host web1 exec "test %n = web1"\n  HostName {at_plain}\n' + REST},
    {"name": "Match exec that is false", "config": 'Match host web1 exec "false"\n  HostName 127.0.0.9\n' + HOST},
    {"name": "Match localuser", "config": "Match localuser {account}\n  HostName {at_plain}\n" + REST},
    {"name": "Match final all", "config": "Host web1\n  HostName {at_plain}\nMatch final all\n" + REST},
    {"name": "Match host=web1", "config": "Match host=web1\n  HostName {at_plain}\n" + REST},
    {"name": "Match all", "config": HOST + "Match all\n  IdentitiesOnly yes\n"},
    {"name": "Match localnetwork elsewhere", "config": "Match localnetwork 192.0.2.0/24\n  HostName 127.0.0.9\n" + HOST,
     "as_ssh": True},
    {"name": "a comment behind a port", "config": HOST.replace("2208", "2208 # prod")},
    {"name": "a comment behind a user", "config": HOST + "  User {account} # me\n"},
    {"name": "a comment behind Host", "config": HOST.replace("web1\n", "web1 # Bob's box\n", 1), "as_ssh": True},
    {"name": "a comment in Latin-1", "config": "# caf\xe9\n" + HOST},
    {"name": "equals signs and quotes", "config": 'Host=web1\n  HostName = "{at_plain}"\n' + REST},
    {"name": "an IPv6 address", "config": HOST.replace("{at_plain}", "::1"), "known": "[::1]:2208 {plain}\n", "as_ssh": True},
    {"name": "an IPv6 address that is not known", "config": HOST.replace("{at_plain}", "::1"), "as_ssh": True, "where": r"\[::1\]:2208"},
    {"name": "an IPv6 address of a jump host", "config": HOST + "  ProxyJump [::1]:2208\nHost ::1\n  IdentityFile {keys}/ck\n",
     "known": KNOWN + "[::1]:2208 {plain}\n", "as_ssh": True},
    {"name": "keywords in any case", "config": "HOST web1\n  HOSTNAME {at_plain}\n  pOrT 2208\n  identityfile {keys}/ck\n"},
    {"name": "patterns and a negation", "config": "Host !web2 web*\n  HostName {at_plain}\n" + REST},
    {"name": "the first value wins", "config": HOST + "Host *\n  Port 22\n  HostName 127.0.0.9\n"},
    {"name": "ForwardAgent true", "config": HOST + "  ForwardAgent true\n"},
    {"name": "ForwardAgent of a variable", "config": HOST + "  ForwardAgent $NO_AGENT\n"},
    {"name": "CanonicalizeHostname", "config": HOST + "  CanonicalizeHostname yes\n"},
    {"name": "tokens in IdentityFile", "config": HOST.replace("{keys}/ck", "%d/../%u/keys/ck")},
    {"name": "a variable in IdentityFile", "config": HOST.replace("{keys}/ck", "${{KEYS}}/ck"), "environment": {"KEYS": "{keys}"}},
    {"name": "~ of the account, not HOME", "config": HOST.replace("{keys}/ck", "~/keys/ck"), "environment": {"HOME": "/nowhere"}},
    {"name": "a default key", "config": HOST.replace("  IdentityFile {keys}/ck\n", ""), "copies": {"id_ed25519": "ck"}},
    {"name": "IgnoreUnknown", "config": "IgnoreUnknown Foo\nFoo bar\n" + HOST},
    {"name": "a keyword that is none", "config": "Foo bar\n" + HOST, "says": "ssh refuses its configuration for web1: .*line 1: Bad configuration option: foo",
     "cure": "ssh -G web1", "exit_code": 2},
    {"name": "AddressFamily inet", "config": HOST + "  AddressFamily inet\n"},
    {"name": "AddressFamily inet6, of an IPv4 address", "config": HOST + "  AddressFamily inet6\n", "says": "the host cannot be reached"},
    {"name": "BindAddress", "config": HOST + "  BindAddress 127.0.0.1\n"},
    {"name": "BindAddress that is not here", "config": HOST + "  BindAddress 192.0.2.1\n", "says": "cannot assign", "cure": "BindAddress"},
    {"name": "ConnectTimeout, a silent server", "config": HOST.replace("2208", "{silent}") + "  ConnectTimeout 1\n",
     "ssh": {"connect_timeout": None}, "says": "did not answer within 1 second"},
    {"name": "nobody listens", "config": HOST.replace("2208", "9"), "says": "connection refused", "cure": "ssh web1"},
    {"name": "a name that is none", "config": HOST.replace("{at_plain}", "no-such-host.invalid"), "says": "cannot be reached"},
    {"name": "Compression", "config": HOST + "  Compression yes\n"},
    {"name": "ControlMaster and SetEnv", "config": HOST + "  ControlMaster auto\n  ControlPath none\n  SetEnv A=1\n"},
]  # fmt: skip

KNOWN_HOSTS: list[Row] = [
    {"name": "hashed", "known": "{hashed}\n"},
    {"name": "a pattern", "known": "[127.0.8.*]:2208 {plain}\n"},
    {"name": "a negation", "known": "[127.0.8.*]:2208,![{at_plain}]:2208 {plain}\n", "says": "the host's key is not known"},
    {"name": "several names", "known": "a,[{at_plain}]:2208,b {plain}\n"},
    {"name": "two keys, the second is right", "known": "[{at_plain}]:2208 {stranger}\n[{at_plain}]:2208 {plain}\n"},
    {"name": "the name without its port", "known": "{at_plain} {plain}\n"},
    {"name": "another port", "known": "[{at_plain}]:2209 {plain}\n", "says": "not known"},
    {"name": "nothing", "known": "", "says": "not known .ssh-ed25519 SHA256:", "cure": r"\[127.0.8.1\]:2208 ssh-ed25519 AAAA"},
    {"name": "no file", "known": None, "says": "not known", "cure": "{home}/.ssh/known_hosts"},
    {"name": "another key", "known": "[{at_plain}]:2208 {stranger}\n", "says": "CHANGED: it was SHA256:.*now it is SHA256:.*known_hosts, line 1",
     "cure": "find out why before anything else"},
    {"name": "another key with the port, the right one without", "known": "[{at_plain}]:2208 {stranger}\n{at_plain} {plain}\n", "as_ssh": True},
    {"name": "@revoked beside the key", "known": KNOWN + "@revoked [{at_plain}]:2208 {plain}\n", "says": "REVOKED.*known_hosts, line 2"},
    {"name": "@revoked for all hosts", "known": "@revoked * {plain}\n" + KNOWN, "says": "REVOKED"},
    {"name": "@revoked, another key", "known": "@revoked * {stranger}\n" + KNOWN},
    {"name": "an unreadable line beside", "known": "web9 ssh-ed25519 AAAAtruncated\n@nonsense x y z\n" + KNOWN},
    {"name": "a Latin-1 comment", "known": "# \xe9\n" + KNOWN.replace("\n", " caf\xe9\n")},
    {"name": "@cert-authority of others beside", "known": "@cert-authority *.example.com {host_ca}\n" + KNOWN},
    {"name": "a host certificate", "config": to("signed"), "known": "@cert-authority * {host_ca}\n"},
    {"name": "a host certificate, by pattern", "config": to("signed"), "known": "@cert-authority 127.0.8.* {host_ca}\n"},
    {"name": "a host certificate of another authority", "config": to("signed"), "known": "@cert-authority * {other_ca}\n",
     "says": "not known.*signed by"},
    {"name": "a host certificate that has expired", "config": to("signed", "  HostKeyAlgorithms ecdsa-sha2-nistp256-cert-v01@openssh.com\n"),
     "known": "@cert-authority * {host_ca}\n", "says": "certificate is not good: it expired"},
    {"name": "a host certificate for another name", "config": to("signed", "  HostKeyAlgorithms rsa-sha2-512-cert-v01@openssh.com\n"),
     "known": "@cert-authority * {host_ca}\n", "says": "it is for other.example, not for"},
    {"name": "an expired host certificate, and the key itself", "config": to("signed", "  HostKeyAlgorithms ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-nistp256\n"),
     "known": "@cert-authority * {host_ca}\n[{at_signed}]:2208 {signed_ecdsa}\n"},
    {"name": "a host certificate by HostKeyAlias", "config": to("signed", "  HostKeyAlias web1\n"), "known": "@cert-authority web1 {host_ca}\n"},
    {"name": "a host certificate by another HostKeyAlias", "config": to("signed", "  HostKeyAlias web7\n"), "known": "@cert-authority web7 {host_ca}\n",
     "says": "not for web7"},
    {"name": "a revoked authority", "config": to("signed"), "known": "@cert-authority * {host_ca}\n@revoked * {host_ca}\n", "says": "REVOKED"},
    {"name": "a revoked key with a certificate", "config": to("signed"), "known": "@cert-authority * {host_ca}\n@revoked * {signed}\n", "says": "REVOKED"},
    {"name": "an authority, and a host without a certificate", "known": "@cert-authority * {host_ca}\n", "says": "shows no certificate"},
    {"name": "a certificate without the authority, and the key itself", "config": to("signed"), "known": "[{at_signed}]:2208 {signed}\n"},
    {"name": "CASignatureAlgorithms without the authority's", "config": to("signed", "  CASignatureAlgorithms rsa-sha2-512\n"),
     "known": "@cert-authority * {host_ca}\n", "says": "signed with ssh-ed25519"},
    {"name": "an RSA key alone is known", "config": to("many"), "known": "[{at_many}]:2208 {many_rsa}\n"},
    {"name": "an ECDSA key alone is known", "config": to("many"), "known": "[{at_many}]:2208 {many_ecdsa}\n"},
    {"name": "a server with RSA alone", "config": to("rsa"), "known": "[{at_rsa}]:2208 {rsa}\n"},
    {"name": "HostKeyAlgorithms", "config": to("many", "  HostKeyAlgorithms rsa-sha2-256\n"), "known": "[{at_many}]:2208 {many_rsa}\n"},
    {"name": "HostKeyAlgorithms without the known key", "config": to("many", "  HostKeyAlgorithms rsa-sha2-256\n"),
     "known": "[{at_many}]:2208 {many_ed25519}\n", "says": "CHANGED"},
    {"name": "HostKeyAlgorithms that the server has not", "config": HOST + "  HostKeyAlgorithms rsa-sha2-512\n", "says": "no algorithm"},
    {"name": "HostKeyAlias", "config": HOST + "  HostKeyAlias shop\n", "known": "shop {plain}\n"},
    {"name": "HostKeyAlias that is not known", "config": HOST + "  HostKeyAlias shop\n", "says": "not known", "cure": "shop ssh-ed25519"},
    {"name": "UserKnownHostsFile, several", "config": HOST + "  UserKnownHostsFile ~/.ssh/a ~/.ssh/b\n", "known": "", "files": {"b": KNOWN}},
    {"name": "UserKnownHostsFile with a space", "config": HOST + '  UserKnownHostsFile "~/.ssh/a b"\n', "known": "", "files": {"a b": KNOWN}},
    {"name": "UserKnownHostsFile none", "config": HOST + "  UserKnownHostsFile none\n", "says": "not known"},
    {"name": "GlobalKnownHostsFile", "config": HOST + "  GlobalKnownHostsFile ~/.ssh/global\n", "known": "", "files": {"global": KNOWN}},
    {"name": "@revoked in GlobalKnownHostsFile", "config": HOST + "  GlobalKnownHostsFile ~/.ssh/global\n",
     "files": {"global": "@revoked * {plain}\n"}, "says": "REVOKED"},
    {"name": "known_hosts2", "known": "", "files": {"known_hosts2": KNOWN}},
    {"name": "RevokedHostKeys", "config": HOST + "  RevokedHostKeys {home}/.ssh/revoked\n", "files": {"revoked": "{plain}\n"}, "says": "REVOKED"},
    {"name": "RevokedHostKeys of others", "config": HOST + "  RevokedHostKeys {home}/.ssh/revoked\n", "files": {"revoked": "{stranger}\n"}},
    {"name": "RevokedHostKeys, a KRL", "config": HOST + "  RevokedHostKeys {bench}/krl\n", "says": "REVOKED"},
    {"name": "RevokedHostKeys, a KRL of others", "config": to("many", "  RevokedHostKeys {bench}/krl\n"), "known": at("many")},
    {"name": "RevokedHostKeys that is not there", "config": HOST + "  RevokedHostKeys {home}/.ssh/revoked\n", "says": "cannot be looked up"},
    {"name": "ssh.known_hosts", "known": "", "files": {"team": KNOWN}, "ssh": {"known_hosts": "{home}/.ssh/team"},
     "words": ["-o", "UserKnownHostsFile={home}/.ssh/team"]},
]  # fmt: skip

NO_KEY = HOST.replace("  IdentityFile {keys}/ck\n", "")


def key(*names: str, more: str = "") -> str:
    """Return the lines by which web1 is let in with these keys."""
    return NO_KEY + "".join(f"  IdentityFile {{keys}}/{name}\n" for name in names) + more


KEYS: list[Row] = [
    {"name": "several, the last is right", "config": key("other", "wrong0", "ck")},
    {"name": "RSA", "config": key("ck_rsa")},
    {"name": "ECDSA", "config": key("ck_ecdsa")},
    {"name": "RSA in PEM", "config": key("old_pem")},
    {"name": "ECDSA in PKCS#8", "config": key("pkcs8")},
    {"name": "a certificate, and a list of kinds without it", "server": "trusting", "config": "  IdentityFile {keys}/certified\n  PubkeyAcceptedAlgorithms ssh-ed25519\n", "says": "does not let"},
    {"name": "a wrong one", "config": key("other"), "says": "does not let {account} in with the keys of .*/other", "cure": "authorized_keys"},
    {"name": "none at all", "config": NO_KEY, "says": "there is no key to log in with"},
    {"name": "one that is not there, and a right one", "config": key("absent", "ck")},
    {"name": "a passphrase, no agent", "config": key("locked"), "says": "locked has a passphrase, and no agent holds the key", "cure": "ssh-add .*locked"},
    {"name": "a passphrase, and the agent has it", "config": key("locked"), "agent": "locked"},
    {"name": "one that others may read", "config": key("readable"), "says": "others may read", "cure": "chmod 600"},
    {"name": "a PuTTY file", "config": key("putty"), "says": "is a key of PuTTY", "cure": "puttygen"},
    {"name": "garbage", "config": key("garbage"), "says": "is no private key"},
    {"name": "a public key, no agent", "config": key("only.pub"), "as_ssh": True, "says": "is a public key"},
    {"name": "a public key, and the agent has it", "config": key("only.pub"), "agent": "one"},
    {"name": "the agent alone", "config": NO_KEY, "agent": "one"},
    {"name": "an empty agent", "config": NO_KEY, "agent": "empty", "says": "there is no key"},
    {"name": "an agent that is gone", "config": NO_KEY, "environment": {"SSH_AUTH_SOCK": "/nowhere/agent"}, "says": "agent at /nowhere/agent does not answer"},
    {"name": "an agent that does not sign, and a file", "config": key("ck_rsa"), "agent": "asking"},
    {"name": "an agent that does not sign", "config": NO_KEY, "agent": "asking", "says": "the agent does not sign with", "cure": "a touch, a PIN"},
    {"name": "a security key in the agent", "config": NO_KEY, "agent": "token"},
    {"name": "a security key in the agent, after others", "config": key("other", "wrong0"), "agent": "token"},
    {"name": "IdentityAgent", "config": NO_KEY + "  IdentityAgent {agent_one}\n"},
    {"name": "IdentityAgent of a variable", "config": NO_KEY + "  IdentityAgent $MY_AGENT\n", "environment": {"MY_AGENT": "{agent_one}"}},
    {"name": "IdentityAgent SSH_AUTH_SOCK", "config": NO_KEY + "  IdentityAgent SSH_AUTH_SOCK\n", "agent": "one"},
    {"name": "IdentityAgent none", "config": NO_KEY + "  IdentityAgent none\n", "agent": "one", "says": "there is no key"},
    {"name": "an agent with many keys", "config": NO_KEY, "agent": "eight", "says": "too many were tried", "cure": "ssh: {{identity"},
    {"name": "many keys, and IdentityFile names the right one", "config": key("ck"), "agent": "eight"},
    {"name": "many keys, IdentitiesOnly, only.pub", "config": key("only.pub", more="  IdentitiesOnly yes\n"), "agent": "eight"},
    {"name": "IdentitiesOnly, the agent's key is not named", "config": key("other", more="  IdentitiesOnly yes\n"), "agent": "one", "says": "does not let"},
    {"name": "a certificate beside the key", "server": "trusting", "config": "  IdentityFile {keys}/certified\n"},
    {"name": "CertificateFile", "server": "trusting", "config": "  IdentityFile {keys}/apart_key\n  CertificateFile {keys}/apart.pub\n"},
    {"name": "CertificateFile, and the agent has the key", "server": "trusting", "config": "  CertificateFile {keys}/apart.pub\n", "agent": "certified"},
    {"name": "a certificate in the agent", "server": "trusting", "config": "", "agent": "certified"},
    {"name": "a certificate that has expired", "server": "trusting", "config": "  IdentityFile {keys}/expired\n", "says": "does not let"},
    {"name": "a key without a certificate, where one is wanted", "server": "trusting", "config": "  IdentityFile {keys}/ck\n", "says": "does not let"},
    {"name": "nobody is let in", "server": "nobody", "config": "  IdentityFile {keys}/ck\n", "says": "does not let {account} in", "cure": "authorized_keys"},
    {"name": "another user", "config": HOST + "  User no-such-user\n", "says": "does not let no-such-user in"},
    {"name": "a key and a password", "server": "password", "config": "  IdentityFile {keys}/ck\n", "says": "wants a key, and then password", "cure": "AuthenticationMethods"},
    {"name": "two keys", "server": "twice", "config": "  IdentityFile {keys}/ck\n  IdentityFile {keys}/second\n"},
    {"name": "two keys, one is there", "server": "twice", "config": "  IdentityFile {keys}/ck\n", "says": "does not let"},
    {"name": "keys alone", "server": "strict", "config": "  IdentityFile {keys}/ck\n"},
    {"name": "PubkeyAuthentication no", "config": HOST + "  PubkeyAuthentication no\n", "says": "PubkeyAuthentication no"},
    {"name": "PubkeyAcceptedAlgorithms without the key's", "config": HOST + "  PubkeyAcceptedAlgorithms rsa-sha2-512\n", "says": "PubkeyAcceptedAlgorithms"},
    {"name": "ssh.identity", "config": NO_KEY, "ssh": {"identity": "{keys}/ck"}, "words": ["-i", "{keys}/ck"]},
    {"name": "ssh.identity that is not there", "config": NO_KEY, "ssh": {"identity": "{keys}/absent"}, "words": ["-i", "{keys}/absent"],
     "says": "there is no .*/absent", "where": "ssh.identity", "exit_code": 2},
    {"name": "ssh.identity is a PuTTY file", "config": NO_KEY, "ssh": {"identity": "{keys}/putty"}, "words": ["-i", "{keys}/putty"],
     "says": "is a key of PuTTY", "where": "ssh.identity", "exit_code": 2},
    {"name": "ssh.identity has a passphrase", "config": NO_KEY, "ssh": {"identity": "{keys}/locked"}, "words": ["-i", "{keys}/locked"],
     "says": "has a passphrase", "cure": "ssh-add .*/locked"},
    {"name": "ssh.identity is a public key, and the agent has it", "config": NO_KEY, "agent": "eight", "ssh": {"identity": "{keys}/only.pub"},
     "words": ["-i", "{keys}/only.pub"]},
    {"name": "ssh.identity is a public key, no agent", "config": NO_KEY, "ssh": {"identity": "{keys}/only.pub"}, "words": ["-i", "{keys}/only.pub"],
     "says": "is a public key, and no agent"},
    {"name": "ssh.identity as only.pub, its key lies in no agent but beside", "config": NO_KEY, "ssh": {"identity": "{keys}/ck.pub"}, "words": ["-i", "{keys}/ck.pub"],
     "as_ssh": True},
]  # fmt: skip

FABRIC: list[Row] = [
    {"name": "fab -i", "config": NO_KEY, "given": {"key_files": ["{keys}/ck"]}, "words": ["-i", "{keys}/ck"]},
    {"name": "fab -i, a PuTTY file", "config": NO_KEY, "given": {"key_files": ["{keys}/putty"]}, "words": ["-i", "{keys}/putty"],
     "says": "is a key of PuTTY", "where": "fab -i", "exit_code": 2},
    {"name": "fab -S", "config": "Host web1\n  HostName 127.0.0.9\n", "files": {"team": HOST}, "given": {"config_file": "{home}/.ssh/team"},
     "words": ["-F", "{home}/.ssh/team"]},
    {"name": "fab -S, a file that is not there", "given": {"config_file": "{home}/absent"}, "words": ["-F", "{home}/absent"], "says": "Can't open user config file",
     "exit_code": 2},
    {"name": "fab --prompt-for-passphrase", "config": key("locked"), "given": {"passphrase": "secret"}, "not_for_ssh": "it asks on a terminal alone"},
    {"name": "fab --prompt-for-passphrase, a wrong one", "config": key("locked"), "given": {"passphrase": "wrong"}, "not_for_ssh": "it asks on a terminal alone",
     "says": "the passphrase is not that of .*/locked"},
    {"name": "allow_agent: false", "config": NO_KEY, "agent": "one", "given": {"allow_agent": False}, "words": ["-o", "IdentityAgent=none"], "says": "there is no key"},
    {"name": "look_for_keys: false", "given": {"look_for_keys": False}, "not_for_ssh": "it has no such option", "says": "there is no key"},
    {"name": "disabled_algorithms", "given": {"disabled_algorithms": {"ciphers": ["aes128-ctr"]}}, "not_for_ssh": "it has Ciphers"},
]  # fmt: skip

HOPS: list[Row] = [
    {"name": "ProxyJump", "config": VIA_JUMP, "known": KNOWN + at("bastion")},
    {"name": "ProxyJump, the jump host's key is not known", "config": VIA_JUMP, "says": "the host's key is not known", "where": "jump host jump"},
    {"name": "ProxyJump, the jump host has another key", "config": VIA_JUMP, "known": KNOWN + "[{at_bastion}]:2208 {stranger}\n", "says": "CHANGED", "where": "jump host jump"},
    {"name": "ProxyJump, the jump host's key is revoked", "config": VIA_JUMP, "known": KNOWN + at("bastion") + "@revoked * {bastion}\n", "says": "REVOKED", "where": "jump host jump"},
    {"name": "ProxyJump, the host's own key is not known", "config": VIA_JUMP, "known": at("bastion"), "says": "not known", "where": "^web1 .127.0.8.1"},
    {"name": "ProxyJump with a host certificate", "config": HOST + "  ProxyJump jump\nHost jump\n  HostName {at_signed}\n" + REST, "known": KNOWN + "@cert-authority * {host_ca}\n"},
    {"name": "ProxyJump user@address:port", "config": HOST + "  ProxyJump {account}@{at_bastion}:2208\nHost {at_bastion}\n  IdentityFile {keys}/ck\n", "known": KNOWN + at("bastion")},
    {"name": "ProxyJump with a token", "config": HOST + "  ProxyJump jump-%n\nHost jump-web1\n  HostName {at_bastion}\n" + REST, "known": KNOWN + at("bastion")},
    {"name": "ProxyJump through two", "config": HOST + "  ProxyJump jump,next\n" + JUMP + "Host next\n  HostName {at_second}\n" + REST, "known": KNOWN + at("bastion", "second")},
    {"name": "ProxyJump through two, the second is not known", "config": HOST + "  ProxyJump jump,next\n" + JUMP + "Host next\n  HostName {at_second}\n" + REST,
     "known": KNOWN + at("bastion"), "says": "not known", "where": "jump host next"},
    {"name": "ProxyJump through two, the first is not known", "config": HOST + "  ProxyJump jump,next\n" + JUMP + "Host next\n  HostName {at_second}\n" + REST,
     "known": KNOWN + at("second"), "says": "not known", "where": "jump host jump"},
    {"name": "a jump host with a ProxyJump of its own", "config": VIA_JUMP + "  ProxyJump next\nHost next\n  HostName {at_second}\n" + REST, "known": KNOWN + at("bastion", "second")},
    {"name": "ProxyJump none over one for all", "config": HOST + "  ProxyJump none\nHost *\n  ProxyJump jump\n"},
    {"name": "ProxyJump for all, the jump host too", "config": HOST + "Host *\n  Port 2208\n  ProxyJump {at_bastion}:2208\n", "says": "jumphost loop via", "exit_code": 2},
    {"name": "ProxyJump for all, the jump host too, by its alias", "config": HOST + JUMP + "Host *\n  ProxyJump jump\n", "says": "through jump again and again",
     "cure": "ProxyJump none", "exit_code": 2, "not_for_ssh": "it starts itself for ever"},
    {"name": "ProxyJump through itself, by way of another", "config": VIA_JUMP + "  ProxyJump next\nHost next\n  HostName {at_second}\n  ProxyJump jump\n" + REST,
     "known": KNOWN + at("bastion", "second"), "says": "again and again", "exit_code": 2, "not_for_ssh": "it starts itself for ever"},
    {"name": "the jump host refuses the key", "config": HOST + "  ProxyJump jump\nHost jump\n  HostName {at_bastion}\n  Port 2208\n  IdentityFile {keys}/other\n",
     "known": KNOWN + at("bastion"), "says": "does not let", "where": "jump host jump"},
    {"name": "the jump host lets nobody through", "config": HOST + "  ProxyJump jump\nHost jump\n  HostName {at_closed}\n" + REST, "known": KNOWN + LIKE_PLAIN,
     "says": "jump host jump lets nobody through", "cure": "AllowTcpForwarding"},
    {"name": "the host is down behind the jump host", "config": VIA_JUMP.replace("Port 2208", "Port 9", 1), "known": at("bastion") + KNOWN,
     "says": "cannot be reached from the jump host jump", "cure": "from there"},
    {"name": "the jump host is down", "config": HOST + "  ProxyJump jump\nHost jump\n  HostName {at_bastion}\n  Port 9\n", "says": "connection refused", "where": "jump host jump"},
    {"name": "ProxyCommand with ssh -W", "config": HOST + "  ProxyCommand ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -W %h:%p jump\n" + JUMP, "known": KNOWN + at("bastion")},
    {"name": "ProxyCommand in the words of a shell", "config": HOST + "  ProxyCommand bash -c 'exec 3<>/dev/tcp/%h/%p; cat <&3 & cat >&3' 2>/dev/null\n"},
    {"name": "ProxyCommand, the host's key is not known", "config": HOST + "  ProxyCommand ssh -o BatchMode=yes -W %h:%p jump\n" + JUMP, "known": at("bastion"), "says": "not known"},
    {"name": "ProxyCommand, the jump host's key is not known", "config": HOST + "  ProxyCommand ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -W %h:%p jump\n" + JUMP,
     "says": "ProxyCommand leads nowhere: .*verification failed"},
    {"name": "ProxyCommand that fails", "config": HOST + "  ProxyCommand echo no way >&2; exit 1\n", "says": "ProxyCommand leads nowhere: no way"},
    {"name": "ProxyCommand that is no program", "config": HOST + "  ProxyCommand /no/such/program %h\n", "says": "ProxyCommand leads nowhere"},
    {"name": "ProxyCommand none", "config": HOST + "  ProxyCommand none\nHost *\n  ProxyCommand false\n"},
    {"name": "ssh.gateway", "config": HOST + JUMP, "known": KNOWN + at("bastion"), "ssh": {"gateway": "jump"}, "words": ["-J", "jump"]},
    {"name": "ssh.gateway over ProxyJump", "config": HOST + "  ProxyJump nowhere\n" + JUMP, "known": KNOWN + at("bastion"), "ssh": {"gateway": "jump"}, "words": ["-J", "jump"]},
    {"name": "ssh.gateway whose key is not known", "config": HOST + JUMP, "ssh": {"gateway": "jump"}, "words": ["-J", "jump"], "says": "not known", "where": "gateway jump"},
    {"name": "ssh.gateway lets nobody through", "config": HOST + "Host jump\n  HostName {at_closed}\n" + REST, "known": KNOWN + LIKE_PLAIN, "ssh": {"gateway": "jump"},
     "words": ["-J", "jump"], "says": "gateway jump lets nobody through"},
    {"name": "address, port and user of the inventory", "config": "Host {at_plain}\n  Port 9\n  User nobody\n  IdentityFile {keys}/ck\n",
     "host": {"address": "{at_plain}", "port": 2208, "user": "{account}"}, "words": ["-p", "2208", "-l", "{account}"], "asked": "{at_plain}"},
]  # fmt: skip

TABLE: dict[str, list[Row]] = {
    "~/.ssh/config": CONFIGURATION,
    "known_hosts": KNOWN_HOSTS,
    "keys": KEYS,
    "fab and fabric.yml": FABRIC,
    "hops": HOPS,
}
