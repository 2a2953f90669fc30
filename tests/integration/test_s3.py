"""A bucket as the only origin, and as the hub that hosts fetch from: real hosts, real Django, a strict store."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from demo.cloudfront import CloudFront
from demo.edge import Edge
from demo.fleet import Fleet
from fab_static.phases.run.browser import Browser
from fab_static.plan.nginx import IMMUTABLE, UNVERSIONED
from tests.integration.conftest import Operator, operator_of, write_tiny
from tests.integration.test_a_line_that_stands_still import Proxy
from tests.strict_s3 import REGION, Fault, StrictS3

HOSTS = {"build1": ["build"], "web1": ["web"], "web2": ["web"]}
SECRETS = ("strict-secret", "X-Amz-Signature")


class BucketOperator(Operator):
    """An operator whose environment has a bucket."""

    store: StrictS3
    extra: dict[str, Any]

    def environment(self, **extra: str) -> dict[str, str]:
        return super().environment(**{**self.store.credentials, **extra})

    def fab(self, *words: str, **more: Any) -> Any:
        ran = super().fab(*words, **more)
        assert not [secret for secret in SECRETS if secret in ran.stdout + ran.stderr]
        return ran

    def bodies(self) -> dict[str, bytes]:
        """Return what the bucket serves, read by boto3: path -> bytes."""
        client = boto3.client(
            "s3",
            endpoint_url=self.store.url,
            region_name=REGION,
            aws_access_key_id="strict-key",
            aws_secret_access_key="strict-secret",
        )
        pages = client.get_paginator("list_objects_v2").paginate(Bucket="shop", Prefix="static/")
        keys = [one["Key"] for page in pages for one in page["Contents"]]
        return {
            key.removeprefix("static/"): client.get_object(Bucket="shop", Key=key)["Body"].read()
            for key in keys
        }

    def not_as_sealed(self, release: str, *, live: bool) -> list[str]:
        """Return what a page of a release may ask for that the bucket answers otherwise."""
        seal, there = self.release("build1", release), self.bodies()
        files = seal["files"]
        wanted = {f"pool/{version}/{path}": path for path, version in seal["versioned"].items()}
        wanted |= {path: path for path in seal["named"]}
        if live:
            wanted |= {path: path for path in files}
        return [
            key
            for key, path in wanted.items()
            if hashlib.sha256(there.get(key, b"")).hexdigest() != files[path]["sha256"]
        ]


def change(operator: Operator, colour: str, logo: str) -> None:
    for host in operator.fleet.hosts.values():
        assets = host.code / "assets"
        (assets / "site.css").write_text(
            f"body {{ color: {colour}; background: url(paper.svg) }}\n"
        )
        (assets / "logo.svg").write_text(f"<svg xmlns='http://www.w3.org/2000/svg' id='{logo}'/>\n")


@pytest.fixture(scope="module")
def bucketed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BucketOperator]:
    """The tiny project on three hosts, none of them static, with a bucket; nothing is deployed yet."""
    folder = tmp_path_factory.mktemp("bucketed")
    project = write_tiny(folder / "project")
    with (
        StrictS3("shop", "hub") as store,
        Fleet(folder / "hosts", HOSTS, project=project, settings="tiny.settings", app="tiny") as f,
    ):
        plain = operator_of(f, folder / "operator")
        operator = BucketOperator(f, plain.folder)
        operator.store = store
        operator.extra = {
            "build": {"phases": ["collectstatic", "compress"]},
            "origin": {
                "s3": {"bucket": "shop", "prefix": "static/", "region": REGION},
                "endpoint_url": store.url,
            },
            "keep_releases": 1,
            "keep_for": "0s",
        }
        operator.write_inventory(**operator.extra)
        yield operator


@pytest.fixture(autouse=True)
def deployed(bucketed: BucketOperator) -> None:
    """A release is live, whichever test is the first."""
    if bucketed.live() is None:
        bucketed.fab("deploy")


def test_a_bucket_alone_serves_each_release_exactly_through_deploys_and_a_rollback(
    bucketed: BucketOperator,
) -> None:
    store = bucketed.store
    first = str(bucketed.live())
    assert bucketed.not_as_sealed(first, live=True) == []
    headers = {
        key: one.headers["cache-control"] for key, one in store.objects.items() if "svg" in key
    }
    assert set(headers.values()) == {UNVERSIONED}
    named = bucketed.release("build1", first)["named"]
    assert {store.objects[f"shop/static/{path}"].headers["cache-control"] for path in named} == {
        IMMUTABLE
    }

    change(bucketed, "#222", "second")
    bucketed.fab("prepare")  # no visitor sees any of it
    assert bucketed.not_as_sealed(first, live=True) == []
    bucketed.fab("activate")
    second = str(bucketed.live())
    assert second != first
    assert bucketed.not_as_sealed(second, live=True) == []
    assert bucketed.not_as_sealed(first, live=False) == []

    (origin,) = bucketed.json("status")["origins"]
    assert origin == {
        "origin": "s3://shop/static/",
        "reachable": True,
        "live": second,
        "pending": None,
        "missing": 0,
        "error": None,
    }
    store.asked.clear()
    bucketed.fab("deploy")  # nothing changed
    assert len(store.asked) <= 3
    assert not [method for method, _ in store.asked if method != "GET"]

    bucketed.fab("rollback")
    assert bucketed.live() == first
    assert bucketed.not_as_sealed(first, live=True) == []
    assert bucketed.not_as_sealed(second, live=False) == []
    assert not [method for method, _ in store.asked if method == "DELETE"]
    checked = bucketed.start("check", "--json").communicate(timeout=120)[0]
    findings = [one for one in json.loads(checked) if one["where"] == "s3://shop/static/"]
    assert [one["subject"] for one in findings if one["ok"]] == [
        "S3",
        "S3 writing",
        "S3 copying",
        "S3 content",
        "S3 from the build host",
    ]


def test_a_failure_in_the_bucket_or_after_it_leaves_every_byte_as_it_was(
    bucketed: BucketOperator,
) -> None:
    live = str(bucketed.live())
    before = bucketed.bodies()
    change(bucketed, "#333", "third")
    bucketed.store.faults.append(Fault("PUT", "static/logo.svg$", 403, "AccessDenied"))
    told = bucketed.fab("deploy", code=1).stderr
    assert "S3 denies COPY (s3:GetObject and s3:PutObject): AccessDenied, no (request R1)" in told
    assert bucketed.live() == live
    assert bucketed.not_as_sealed(live, live=True) == []

    bucketed.write_inventory(**bucketed.extra, web={"reload": "exit 1"})
    bucketed.fab("deploy", code=1)  # web hosts are flipped after the bucket
    bucketed.write_inventory(**bucketed.extra)
    assert bucketed.live() == live
    assert bucketed.not_as_sealed(live, live=True) == []
    after = bucketed.bodies()
    assert {key for key in before if before[key] != after[key]} <= {".fab_static/manifest.json"}


def test_an_operator_killed_among_the_copies_is_mended_by_the_next_command(
    bucketed: BucketOperator,
) -> None:
    live = str(bucketed.live())
    change(bucketed, "#444", "fourth")
    started: list[Any] = []

    def kill(method: str, key: str) -> None:
        if method == "PUT" and key == "shop/static/logo.svg" and started:
            os.kill(started.pop().pid, signal.SIGKILL)

    process = bucketed.start("deploy")
    started.append(process)
    bucketed.store.before = kill
    process.communicate(timeout=300)
    bucketed.store.before = lambda method, key: None
    assert process.returncode == -signal.SIGKILL
    (origin,) = bucketed.json("status", code=5)["origins"]
    assert origin["live"] == live
    assert origin["pending"]
    bucketed.fab("rollback", "--wait", "90")
    assert bucketed.live() == live
    assert bucketed.not_as_sealed(live, live=True) == []
    bucketed.fab("deploy")
    new = str(bucketed.live())
    assert new == origin["pending"]
    assert bucketed.not_as_sealed(new, live=True) == []


def test_prune_as_a_task_of_its_own_deletes_what_no_release_uses(bucketed: BucketOperator) -> None:
    for logo in ("fourth and a half", "almost the fifth"):  # the release before the last is kept
        change(bucketed, "#4a4", logo)
        bucketed.fab("deploy")
    live = str(bucketed.live())
    kept = [one["id"] for one in bucketed.json("releases")]
    assert "s3://shop/static/: deleted" in bucketed.fab("prune").stdout
    assert "s3://shop/static/: nothing to delete" in bucketed.fab("prune").stdout
    there = [one["id"] for one in bucketed.json("releases")]
    assert set(there) <= set(kept)
    for release in there:
        assert bucketed.not_as_sealed(release, live=release == live) == []
    bucketed.fab("verify", "--audit")
    assert bucketed.json("status")["agreed"]


def test_what_others_wrote_into_the_bucket_is_found_by_an_audit_and_mended_by_a_deploy(
    bucketed: BucketOperator,
) -> None:
    live = str(bucketed.live())
    bucketed.store.objects["shop/static/logo.svg"].body = b"<svg>not ours</svg>"
    bucketed.fab("verify")  # the manifest knows nothing of it
    told = bucketed.fab("verify", "--audit", code=1).stderr
    assert "logo.svg has 19 bytes, not" in told
    assert bucketed.json("status")["origins"][0]["missing"] == 1
    bucketed.fab("deploy")
    assert bucketed.live() == live
    assert bucketed.not_as_sealed(live, live=True) == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("GET", "", 403, "ExpiredToken", times=99), "ExpiredToken"),
        (Fault("GET", "", 404, "NoSuchBucket", times=99), "make the bucket"),
    ],
    ids=["credentials", "bucket"],
)
def test_what_is_wrong_with_the_bucket_is_found_before_anything_is_built(
    bucketed: BucketOperator, fault: Fault, words: str
) -> None:
    bucketed.store.faults.append(fault)
    try:
        ran = bucketed.fab("deploy", code=1)
        checked = bucketed.fab("check", code=1)
    finally:
        bucketed.store.faults.clear()
    assert words in ran.stderr
    assert "collectstatic" not in ran.stdout
    assert words in checked.stdout


def test_what_changes_is_forgotten_by_tag_once_all_that_is_cached_carries_tags(
    bucketed: BucketOperator,
) -> None:
    store = bucketed.store
    store.is_public = True
    tags = {"HeaderName": "x-amz-meta-cache-tag"}
    s3 = {**bucketed.extra["origin"]["s3"], "cache_tags": True}
    with CloudFront() as cloudfront:
        known = cloudfront.add_distribution(CacheTagConfig=tags)
        with (
            Edge(
                [f"{store.url}/shop"],
                forgotten=partial(cloudfront.forgotten, known.id),
                clock=cloudfront.clock,
                error_ttl=0,
                tag_header=tags["HeaderName"],
            ) as edge,
            Browser(20) as browser,
        ):
            logo = [f"{edge.url}/static/logo.svg{query}" for query in ("", "?", "?v=4.7.0")]

            def seen() -> set[bytes]:
                return {browser.get(url).raw for url in logo}

            extra = {**bucketed.extra, "origin": {**bucketed.extra["origin"], "s3": s3}}
            at = {"distribution_id": known.id, "endpoint_url": cloudfront.endpoint, "wait": 60}
            bucketed.write_inventory(**extra, cdn={**at, "domain": edge.url})
            try:
                seen()
                change(bucketed, "#600", "sixth")
                bucketed.fab("deploy")  # what is cached has no tags yet
                assert cloudfront.invalidations(known.id) == [["/static/*"]]
                sixth = seen()
                change(bucketed, "#700", "seventh")
                bucketed.fab("deploy")
                seventh = seen()
                bucketed.fab("rollback")
                assert len(sixth) == len(seventh) == 1
                assert seen() == sixth != seventh
            finally:
                bucketed.write_inventory(**bucketed.extra)
        _, *asked = cloudfront.invalidations(known.id)
        assert len(asked) == 2
        assert asked[0] == asked[1]
        assert all(path.startswith("#") for path in asked[0])


# ---- the hub


@pytest.fixture(scope="module")
def hubbed(bucketed: BucketOperator) -> BucketOperator:
    """The same hosts as an environment whose hosts fetch from a bucket of their own."""
    bucketed.write_inventory(
        "hubbed",
        app="tiny",
        build={"phases": ["collectstatic", "compress"]},
        deploy_to=f"{bucketed.fleet.folder}/{{host}}/hubbed",
        hosts={"web1": {"roles": ["static", "web"]}, "web2": {"roles": ["static", "web"]}},
        distribute={
            "via": "s3",
            "bucket": "hub",
            "region": REGION,
            "endpoint_url": bucketed.store.url,
        },
    )
    return bucketed


@contextmanager
def counted(operator: BucketOperator, *names: str) -> Iterator[Callable[..., int]]:
    """Yield what says how many bytes went over the operator's line: to and from hosts, and to and from the store.

    Asked for a host by its name, it says how many went to and from that one. The hosts of the inventories of these names are reached through a proxy that counts.
    """
    fleet = operator.fleet
    lines = {
        name: Proxy((host.address, host.port), host.address) for name, host in fleet.hosts.items()
    }
    inventories = [operator.folder / "inventories" / f"{name}.yml" for name in names]
    before = {inventory: inventory.read_text() for inventory in inventories}
    keys, through = fleet.known_hosts.read_text(), ""
    for name, line in lines.items():
        at = f"[{fleet.hosts[name].address}]:"
        own = f"{at}{fleet.hosts[name].port} "
        mine = [each for each in keys.splitlines() if own in each]
        through += "\n".join(mine).replace(own, f"{at}{line.port} ") + "\n"
    for inventory, text in before.items():
        described = yaml.safe_load(text)
        for name, host in described["hosts"].items():
            host["port"] = lines[name].port
        inventory.write_text(yaml.safe_dump(described))
    fleet.known_hosts.write_text(keys + through)
    try:

        def carried(host: str | None = None) -> int:
            if host:
                return sum(lines[host].pieces)
            return sum(map(carried, lines)) + sum(operator.store.with_credentials)

        yield carried
    finally:
        for inventory, text in before.items():
            inventory.write_text(text)
        fleet.known_hosts.write_text(keys)
        for line in lines.values():
            line.close()


def objects_on(operator: Operator, host: str) -> set[str]:
    folder = operator.fleet.hosts[host].folder / "hubbed" / "objects"
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_bytes_go_up_once_and_every_host_fetches_them(hubbed: BucketOperator) -> None:
    hubbed.store.asked.clear()
    told = hubbed.fab("deploy", name="hubbed").stdout
    assert "over SSH" not in told
    puts = [key for method, key in hubbed.store.asked if method == "PUT" and "/objects/" in key]
    gets = [key for method, key in hubbed.store.asked if method == "GET" and "/objects/" in key]
    assert len(puts) == len(set(puts)) > 3
    assert sorted(gets) == sorted(2 * puts)
    assert (
        objects_on(hubbed, "web1") == objects_on(hubbed, "web2") == {Path(key).name for key in puts}
    )
    assert hubbed.json("status", name="hubbed")["agreed"]


def test_no_object_passes_the_operators_line(hubbed: BucketOperator) -> None:
    """What does pass does not grow with the bytes of a release."""
    logo = hubbed.fleet.hosts["build1"].code / "assets" / "big.bin"
    carried = []
    with counted(hubbed, "hubbed") as line:
        for size in (1, 3_000_000):
            logo.write_bytes(os.urandom(size))
            before = line()
            told = hubbed.fab("prepare", name="hubbed").stdout
            carried.append(line() - before)
            assert "s3://hub/, straight from the build host" in told
    assert max(carried) < 600_000
    assert carried[1] - carried[0] < 30_000
    logo.unlink()


def write_many(operator: BucketOperator, of: str) -> None:
    folder = operator.fleet.hosts["build1"].code / "assets" / "many"
    folder.mkdir(exist_ok=True)
    for number in range(400):
        (folder / f"{number}.txt").write_text(f"{of} {number}")


def test_what_hosts_are_sent_alike_goes_into_the_bucket_once(hubbed: BucketOperator) -> None:
    """The seal of many files, and the list of their URLs: a host's own line does not grow by them."""
    store, carried = hubbed.store, []
    with counted(hubbed, "hubbed") as line:
        for many in (False, True):
            if many:
                write_many(hubbed, "first")
            store.asked.clear()
            before = line("web1")
            hubbed.fab("prepare", name="hubbed")
            carried.append(line("web1") - before)
    assert carried[1] - carried[0] < 8_000  # 400 tickets are 30,000
    lent = [asked for asked in store.asked if "/lent/" in asked[1]]
    assert sorted(method for method, _ in lent) == [*4 * ["GET"], *2 * ["PUT"]]
    assert objects_on(hubbed, "web1") == objects_on(hubbed, "web2")
    assert len(objects_on(hubbed, "web1")) > 400
    for key in {key for _, key in lent}:
        assert b"X-Amz" not in zlib.decompress(store.body(key))
    hubbed.fab("prune", name="hubbed")
    assert not [key for key in store.objects if "/lent/" in key]


def deployed_by_ssh(hubbed: BucketOperator, denied: str) -> None:
    """Deploy while the store gives hosts nothing below a path: each is sent its own, and is whole."""
    hubbed.store.faults.append(Fault("GET", denied, 403, "AccessDenied", times=999))
    try:
        told = hubbed.fab("deploy", name="hubbed").stdout
    finally:
        hubbed.store.faults.clear()
    assert (
        "web1 cannot fetch from s3://hub/ (the store answered 403); its objects go over SSH" in told
    )
    status = hubbed.json("status", name="hubbed")
    assert status["agreed"]
    assert all(host["missing"] == host["changed"] == 0 for host in status["hosts"])


def test_a_host_that_cannot_fetch_what_is_lent_is_sent_its_own(hubbed: BucketOperator) -> None:
    write_many(hubbed, "second")
    deployed_by_ssh(hubbed, "/lent/")


def test_a_host_that_cannot_fetch_gets_its_bytes_over_ssh(hubbed: BucketOperator) -> None:
    change(hubbed, "#555", "fifth")
    deployed_by_ssh(hubbed, "/objects/")


def test_the_function_is_printed_without_asking_anybody(hubbed: BucketOperator) -> None:
    printed = hubbed.fab("cdn-function", "--url", "/assets/").stdout
    assert 'var base = "/assets/";' in printed
    assert "fab staging cdn-function" in hubbed.fab("nginx", code=2).stderr
