"""The deploy that fab_static replaces: `fab -r benchmarks/upstream deploy`, hosts from $UPSTREAM_HOSTS.

Every web and static host builds for itself; the first static host compresses, and its result is pulled and
pushed to the others. Then the links of all hosts are moved, one after the other.

$UPSTREAM_HOSTS is a JSON file: {"settings", "user", "identity", "known_hosts", "hosts": [{"address", "port",
"roles", "checkout"}]}. A checkout is a release: it holds code and static files.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

from fabric import Connection, ThreadingGroup
from invoke import Context, task

from benchmarks import upstream

FLEET: dict[str, Any] = json.loads(Path(os.environ["UPSTREAM_HOSTS"]).read_text("utf-8"))
ENVIRONMENT = " ".join(
    f"{name}='{value}'" for name, value in upstream.environment(FLEET["settings"]).items()
)


@task
def deploy(context: Context) -> None:
    """Build everywhere, compress once, move the links."""
    del context
    hosts = [each for each in FLEET["hosts"] if set(each["roles"]) & {"static", "web"}]
    group = ThreadingGroup.from_connections([_connection(each) for each in hosts])
    places = dict(zip(group, hosts, strict=True))
    everywhere(group, places, " && ".join(map(upstream.command, upstream.BUILD)))
    first, *others = [one for one in group if "static" in places[one]["roles"]]
    here(first, places, upstream.command(upstream.COMPRESS))
    made = io.BytesIO()
    here(first, places, f"tar -czf CACHE.tgz -C {upstream.STATIC_ROOT} CACHE")
    first.get(f"{places[first]['checkout']}/CACHE.tgz", made)
    for one in group:
        if one is not first:
            made.seek(0)
            one.put(made, f"{places[one]['checkout']}/CACHE.tgz")
            # web hosts need its manifest alone; the other static hosts serve the files as well
            what = "CACHE" if one in others else "CACHE/manifest.json"
            here(one, places, f"tar -xzf CACHE.tgz -C {upstream.STATIC_ROOT} {what}")
    for one in group:
        here(one, places, "ln -sfn . current")


def everywhere(group: ThreadingGroup, places: dict[Connection, dict[str, Any]], words: str) -> None:
    """Run one line on all hosts at once, each in its checkout."""
    # their folders' names differ by host, so the line finds its own by the address it was asked at
    cases = " ".join(f"{each['address']}) cd {each['checkout']};;" for each in places.values())
    at = "set -- $SSH_CONNECTION; case $3 in"
    group.run(f"{at} {cases} esac && export {ENVIRONMENT} && {words}", hide=True, in_stream=False)


def here(one: Connection, places: dict[Connection, dict[str, Any]], words: str) -> None:
    """Run one line in a host's checkout."""
    line = f"cd {places[one]['checkout']} && export {ENVIRONMENT} && {words}"
    one.run(line, hide=True, in_stream=False)


def _connection(host: dict[str, Any]) -> Connection:
    return Connection(
        host["address"],
        user=FLEET["user"],
        port=host["port"],
        connect_kwargs={"key_filename": FLEET["identity"], "look_for_keys": False},
    )
