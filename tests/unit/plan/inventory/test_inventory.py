import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fab_static.errors import InventoryError
from fab_static.plan import inventory
from fab_static.plan.build_order import BUILD_PHASES
from fab_static.plan.inventory import S3, Host, parse

# DESIGN §3, word for word
DESIGN = """\
app: shop                           # with the environment's name it keys the lock, the records and every path
deploy_to: /srv/shop/static         # on every host
keep_releases: 5                    # how many once-live releases stay; the live one and the one before it always do
keep_for: 7d                        # and all that were live within this time: pages stay open that long
hosts:
  build1: {address: 10.0.0.10, roles: [build]}          # exactly one host builds
  edge1:  {address: 10.0.0.21, port: 2222, roles: [static]}
  web1:   {address: 10.0.0.31, roles: [web]}            # a host may have several roles
  # here: {local: true, roles: [build, static, web]}    # no SSH: this machine, for development
ssh:
  user: deploy
  identity: ~/.ssh/id_ed25519       # default: the SSH agent and ~/.ssh/config
  known_hosts: known_hosts          # relative to this file; default ~/.ssh/known_hosts. An unknown key is refused
  gateway: bastion.example.com      # optional jump host
  become: www-data                  # optional: sudo -n -u; never a prompt
  connect_timeout: 10               # seconds
  command_timeout: 1800             # seconds; a silent host never hangs a deploy
  parallel: 32                      # hosts worked on at once
project:
  path: /srv/shop/code              # holds manage.py, on build and web hosts
  python: /srv/shop/venv/bin/python
  settings: shop.settings           # DJANGO_SETTINGS_MODULE
  environment: {STATIC_CDN: "https://d111111abcdef8.cloudfront.net"}
  secrets: [DATABASE_PASSWORD]      # names taken from the operator's environment, passed on stdin, never printed
build:
  phases: [collectstatic, fix_less_imports, compilejsi18n, resource_static, build_requirejs, compress]
  commands: {build_requirejs: "manage.py build_requirejs --minify oxc"}   # optional overrides
web:
  reload: "sudo -n systemctl reload shop"    # after the flip, on each web host
  check: "http://127.0.0.1:8000/health"      # must answer 200 on the host after the reload
  batch: 25%                                 # web hosts flipped at a time; a number or a share
  confirm_timeout: 30                        # seconds; a host whose flip nobody confirms goes back on its own
cdn:
  distribution_id: E2QWRUHEXAMPLE
  domain: d111111abcdef8.cloudfront.net
  wait: 600                         # seconds to wait for the invalidation; 0 does not wait
  endpoint_url: http://127.0.0.1:5000
origin:
  s3: {bucket: shop-static, prefix: static/, region: us-east-1}   # instead of, or besides, static hosts
  endpoint_url: http://127.0.0.1:5000   # optional, for S3-compatible stores and for tests; `cdn` takes it too
probe:
  pages: ["https://shop.example.com/"]
confirm: true                       # ask before going live, with the plan shown (production)
distribute: {via: ssh}              # or s3: bytes go once to the bucket, hosts fetch what they lack
hooks:                              # commands on the operator's machine; a JSON summary on stdin
  before_deploy: ["notify started"]
  after_activate: ["notify live"]
  after_failure: ["notify failed"]
"""
# 1: app, 2: deploy_to, 3: hosts, 4: its one host, 5: project
SMALL = """\
app: shop
deploy_to: /srv/shop/static
hosts:
  here: {local: true, roles: [build, static, web]}
project: {path: /srv/shop/code}
"""


def read(text, name="production"):
    return parse(text, name=name, source="inventories/production.yml")


def problems_of(text, name="production"):
    """Return the problems of an inventory, each as the operator reads it."""
    with pytest.raises(InventoryError) as caught:
        read(text, name)
    first, *lines = caught.value.what.split("\n")
    assert all(line.startswith("  - ") for line in lines)
    count = "a problem" if len(lines) == 1 else f"{len(lines)} problems"
    assert first == f"the inventory has {count}:"
    return [line[4:] for line in lines]


# ---- what parses


def test_every_key_of_the_design_is_read():
    found = read(DESIGN)
    assert (found.name, found.app, found.deploy_to) == ("production", "shop", "/srv/shop/static")
    assert (found.keep_releases, found.keep_for_seconds, found.confirm) == (5, 7 * 86400, True)
    assert found.hosts == (
        Host("build1", "10.0.0.10", ("build",)),
        Host("edge1", "10.0.0.21", ("static",), port=2222),
        Host("web1", "10.0.0.31", ("web",)),
    )
    assert found.ssh == inventory.Ssh(
        user="deploy",
        identity="~/.ssh/id_ed25519",
        known_hosts="known_hosts",
        gateway="bastion.example.com",
        become="www-data",
        connect_timeout=10,
        command_timeout=1800,
        parallel=32,
    )
    assert found.project == inventory.Project(
        path="/srv/shop/code",
        python="/srv/shop/venv/bin/python",
        settings="shop.settings",
        environment={"STATIC_CDN": "https://d111111abcdef8.cloudfront.net"},
        secrets=("DATABASE_PASSWORD",),
    )
    assert found.build.phases == BUILD_PHASES
    assert found.build.commands == {"build_requirejs": "manage.py build_requirejs --minify oxc"}
    assert found.web == inventory.Web(
        reload="sudo -n systemctl reload shop",
        check="http://127.0.0.1:8000/health",
        batch="25%",
        confirm_timeout=30,
    )
    assert found.cdn == inventory.Cdn(
        "E2QWRUHEXAMPLE", "d111111abcdef8.cloudfront.net", 600, "http://127.0.0.1:5000"
    )
    assert found.origin == S3("shop-static", "static/", "us-east-1", "http://127.0.0.1:5000")
    assert found.hub is None
    assert found.probe.pages == ("https://shop.example.com/",)
    assert found.hooks == {
        "before_deploy": ("notify started",),
        "after_activate": ("notify live",),
        "after_failure": ("notify failed",),
    }
    assert found.build_host.name == "build1"
    assert [host.name for host in found.with_role("static", "web")] == ["edge1", "web1"]


def test_what_is_left_out_takes_the_documented_default():
    found = read(SMALL)
    assert found.hosts == (Host("here", "here", ("build", "static", "web"), local=True),)
    assert found.ssh == inventory.Ssh()
    assert (found.keep_releases, found.keep_for_seconds, found.confirm) == (5, 7 * 86400, False)
    assert (found.web.batch, found.web.confirm_timeout) == ("100%", 30)
    assert (found.cdn, found.hooks, found.probe.pages) == (None, {}, ())
    assert found.build.phases == BUILD_PHASES


def test_the_documenting_example_is_itself_right():
    example = Path(__file__).parents[4] / "inventories" / "example.yml"
    assert parse(example.read_text("utf-8"), name="anybody", source=str(example)).app == "shop"


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        ("", ("gzip",)),
        ("build: {phases: [compress]}", ("gzip",)),
        ("build: {precompress: [gzip, br]}", ("gzip", "br")),
        ("build: {precompress: []}", ()),
    ],
)
def test_files_are_precompressed_as_gzip_unless_it_says_otherwise(text, encodings):
    assert read(SMALL + text).build.precompress == encodings


def test_no_deltas_are_made_unless_it_says_so():
    assert read(SMALL).build.deltas == 0
    assert read(SMALL + "build: {deltas: 3}").build.deltas == 3
    for wrong in ("-1", "21"):
        with pytest.raises(
            InventoryError, match=r"build\.deltas .*: must be a whole number from 0 to 20"
        ):
            read(SMALL + f"build: {{deltas: {wrong}}}")


def test_build_phases_run_in_their_own_order_whatever_the_list_says():
    found = read(SMALL + "build: {phases: [compress, collectstatic]}\n")
    assert found.build.phases == ("collectstatic", "compress")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7d", 604800), ("12h", 43200), ("30m", 1800), ("90s", 90), ("2w", 1209600), ("45", 45)],
)
def test_durations_are_read_in_every_unit(text, seconds):
    assert read(SMALL + f"keep_for: {text}\n").keep_for_seconds == seconds
    assert read(SMALL + f'keep_for: " {text} "\n').keep_for_seconds == seconds


@pytest.mark.parametrize(("batch", "read_as"), [("1", "1"), ("12", "12"), ("1%", "1%")])
def test_a_batch_is_a_number_of_hosts_or_a_share(batch, read_as):
    assert read(SMALL + f"web: {{batch: {batch}}}\n").web.batch == read_as


def test_numbers_are_text_in_the_projects_environment():
    text = SMALL.replace("code}", "code, environment: {WORKERS: 4, RATE: 0.5, DEBUG: 'yes'}}")
    assert read(text).project.environment == {"WORKERS": "4", "RATE": "0.5", "DEBUG": "yes"}


def test_a_number_in_quotes_can_name_a_host():
    assert read(SMALL.replace("here:", "'1':")).hosts[0].name == "1"


def test_host_and_address_are_put_in_and_other_braces_stay():
    host = Host("edge1", "10.0.0.21", ("static",))
    text = "{host} ${HOME} {address}/{other} {} {{host}} {host.name} }{"
    expected = "edge1 ${HOME} 10.0.0.21/{other} {} {edge1} {host.name} }{"
    assert inventory.expand(text, host) == expected


def test_each_host_has_its_own_layout_below_deploy_to():
    found = read(SMALL.replace("/srv/shop/static", "/srv/{host}/static"))
    assert str(found.layout(found.hosts[0]).current) == "/srv/here/static/current"


def test_key_files_are_found_beside_the_inventory(monkeypatch):
    monkeypatch.setenv("HOME", "/home/anna")
    found = inventory.beside(read(DESIGN), Path("/work/inventories"))
    assert found.ssh.known_hosts == "/work/inventories/known_hosts"
    assert found.ssh.identity == "/home/anna/.ssh/id_ed25519"
    assert inventory.beside(read(SMALL), Path("/work")).ssh.identity is None


# ---- what does not: each message is the interface


def test_all_problems_are_told_at_once_with_place_line_and_cure():
    text = """\
app: my shop
deploy_to: srv/static
keep_release: 3
hosts:
  build1: {roles: [build]}
  build2:
    roles: [build, statik]
    port: 99999
  web1: {roles: [web], adress: 10.0.0.1}
project:
  settings: shop.settings
ssh: {parallel: 0, connect_timeout: fast}
"""
    with pytest.raises(InventoryError) as caught:
        read(text)
    error = caught.value
    assert error.where == "inventories/production.yml"
    assert error.mend == "correct the file; inventories/example.yml documents every key"
    assert sorted(problems_of(text)) == sorted(
        [
            'app (line 1): "my shop" is not a name: letters, digits, . _ - only, 64 at most',
            'deploy_to (line 2): "srv/static" is relative; write the whole path from /',
            "keep_release (line 3): unknown key; did you mean `keep_releases`?",
            "hosts (line 5): build1 and build2 both have the role build; exactly one host builds: "
            "take the role from the others",
            "hosts (line 5): no host has the role static; give it to one: `roles: [static]`, or name a "
            "bucket: origin.s3",
            'hosts.build2.roles[1] (line 7): "statik" is not a role (did you mean `static`?); '
            "the roles are build, static, web",
            "hosts.build2.port (line 8): must be a whole number from 1 to 65535, not 99999",
            "hosts.web1.adress (line 9): unknown key; did you mean `address`?",
            "project.path: is missing; it must be text",
            "ssh.parallel (line 12): must be a whole number of at least 1, not 0",
            'ssh.connect_timeout (line 12): must be a number of seconds, not "fast"',
        ]
    )


ONE = [
    ("", "", ["the file is empty"]),
    ("app: shop\n", "", ["app: is missing; it must be text"]),
    ("app: shop", "app: ''", ["app (line 1): is empty"]),
    ("app: shop", "app: 7", ["app (line 1): must be text, not 7"]),
    ("app: shop", "app: true", ["app (line 1): must be text, not true"]),
    ("app: shop", "app: [shop]", ["app (line 1): must be text, not a list"]),
    (
        "app: shop",
        "app: a/../b",
        ['app (line 1): "a/../b" is not a name: letters, digits, . _ - only, 64 at most'],
    ),
    ("/srv/shop/static", "/srv/../etc", ['deploy_to (line 2): "/srv/../etc" must not hold ".."']),
    (
        "deploy_to: /srv/shop/static",
        "deploy_to: //",
        [
            "deploy_to (line 2): must not be the root of the file system; name a folder of its own",
        ],
    ),
    (
        "project: {path: /srv/shop/code}",
        "project: {path: code}",
        ['project.path (line 5): "code" is relative; write the whole path from /'],
    ),
    ("project: {path: /srv/shop/code}\n", "", ["project: is missing"]),
    (
        "project: {path: /srv/shop/code}",
        "project: [code]",
        ["project (line 5): must be a mapping of keys, not a list"],
    ),
    ("here: {", "1: {", ["hosts.1 (line 4): the name must be text; put it in quotes: '1'"]),
    (
        "here: {",
        "a b: {",
        ["hosts.a b (line 4): is not a name for a host: letters, digits, . _ - only"],
    ),
    (
        "here: {local: true, roles: [build, static, web]}",
        "here:",
        ["hosts.here (line 4): is missing"],
    ),
    (
        "local: true, ",
        "local: true, address: 10.0.0.1, ",
        [
            "hosts.here.address (line 4): has no meaning beside `local: true`; leave one of them out",
        ],
    ),
    (
        "local: true, ",
        "address: shop.example:2222, ",
        [
            "hosts.here.address (line 4): has a port, which is a key of its own: "
            "address: shop.example, port: 2222",
        ],
    ),
    (
        "local: true, ",
        "local: 1, ",
        ["hosts.here.local (line 4): must be true or false, not 1"],
    ),
    (
        "[build, static, web]",
        "[build, static, web, web]",
        ['hosts.here.roles[3] (line 4): "web" stands there twice'],
    ),
    (
        "roles: [build, static, web]",
        "roles: build",
        ["hosts.here.roles (line 4): must be a list: [build]"],
    ),
    (
        "[build, static, web]",
        "[build, static, web, 4]",
        ["hosts.here.roles[3] (line 4): must be text, not 4"],
    ),
    ("[build, static, web]", "[]", ["hosts.here.roles (line 4): is empty; name at least one role"]),
    (
        ", roles: [build, static, web]",
        "",
        ["hosts.here.roles: is missing; a list of build, static, web"],
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), ONE, ids=[new or old for old, new, _ in ONE])
def test_a_wrong_value_is_told_with_its_place_and_cure(old, new, expected):
    found = problems_of(SMALL.replace(old, new) if old else "")
    nobody = [problem for problem in found if "no host has the role" in problem]
    assert [problem for problem in found if problem not in nobody] == expected


MORE = [
    ("keep_releases: true", "keep_releases (line 6): must be a whole number, not true"),
    ("keep_releases: '5'", 'keep_releases (line 6): must be a whole number, not "5"'),
    ("keep_releases: 0", "keep_releases (line 6): must be a whole number of at least 1, not 0"),
    ("keep_releases: 2.5", "keep_releases (line 6): must be a whole number, not 2.5"),
    ("keep_for: soon", 'keep_for (line 6): "soon" is not a time; write 7d, 12h, 30m or 90s'),
    ("keep_for: -1", 'keep_for (line 6): "-1" is not a time; write 7d, 12h, 30m or 90s'),
    ("keep_for: 7y", 'keep_for (line 6): "7y" is not a time; write 7d, 12h, 30m or 90s'),
    ("keep_for: true", "keep_for (line 6): must be a time such as 7d, 12h or 90s, not true"),
    ("confirm: 1", "confirm (line 6): must be true or false, not 1"),
    ('confirm: "yes"', 'confirm (line 6): must be true or false, not "yes"'),
    ("ssh: deploy", 'ssh (line 6): must be a mapping of keys, not "deploy"'),
    ("ssh: {paralel: 3}", "ssh.paralel (line 6): unknown key; did you mean `parallel`?"),
    (
        "ssh: {zzz: 3}",
        "ssh.zzz (line 6): unknown key; the keys here are ask_passphrase, become, client, "
        "command_timeout, connect_timeout, gateway, identity, known_hosts, parallel, python, user",
    ),
    (
        "ssh: {client: putty}",
        'ssh.client (line 6): "putty" is not a choice; the choices are fabric, openssh',
    ),
    (
        "ssh: {client: openssh, ask_passphrase: true}",
        "ssh.ask_passphrase (line 6): has no meaning beside `client: openssh`, which asks nothing; "
        "ssh-add the key instead",
    ),
    (
        "ssh: {connect_timeout: true}",
        "ssh.connect_timeout (line 6): must be a number of seconds, not true",
    ),
    (
        "ssh: {connect_timeout: 0}",
        "ssh.connect_timeout (line 6): must be a number of seconds above 0, not 0",
    ),
    (
        "ssh: {connect_timeout: .nan}",
        "ssh.connect_timeout (line 6): must be a number of seconds above 0, not nan",
    ),
    (
        "ssh: {command_timeout: .inf}",
        "ssh.command_timeout (line 6): must be a number of seconds above 0, not inf",
    ),
    (
        "web: {batch: 0}",
        'web.batch (line 6): "0" is neither a number of hosts nor a share such as 25%',
    ),
    (
        "web: {batch: 101%}",
        'web.batch (line 6): "101%" is neither a number of hosts nor a share such as 25%',
    ),
    (
        "web: {check: localhost/health}",
        "web.check (line 6): must be a URL such as http://127.0.0.1:8000/health",
    ),
    ("cdn: {domain: a.example}", "cdn.distribution_id: is missing; it must be text"),
    (
        "budget: {first: 50 apples}",
        'budget.first (line 6): "50 apples" is not a size; write 50kB, 1.5MB or 48KiB',
    ),
    (
        "budget: {returning: [1]}",
        "budget.returning (line 6): must be a size such as 50kB or 1.5MB, not a list",
    ),
    (
        "budget: {exceeded: warn}",
        "budget (line 6): allows anything; write budget: {returning: 50kB, first: 400kB}",
    ),
    (
        "budget: {first: 1MB, browser: zstd}",
        'budget.browser (line 6): "zstd" is not a choice; the choices are deltas, br, gzip',
    ),
    (
        "probe: {pages: [/]}",
        "probe.pages[0] (line 6): must be a whole URL: https://shop.example.com/",
    ),
    (
        'probe: {origin: "127.0.77.2:23202"}',
        "probe.origin (line 6): must be a URL such as http://{address} or http://{address}:8080",
    ),
    (
        'probe: {origin: "{address}"}',
        "probe.origin (line 6): must be a URL such as http://{address} or http://{address}:8080",
    ),
    (
        'probe: {origin: "http://"}',
        "probe.origin (line 6): must be a URL such as http://{address} or http://{address}:8080",
    ),
    (
        'probe: {origin: "http://{address}?x"}',
        "probe.origin (line 6): must be a URL such as http://{address} or http://{address}:8080",
    ),
    (
        "web: {check: 'http://'}",
        "web.check (line 6): must be a URL such as http://127.0.0.1:8000/health",
    ),
    (
        "cdn: {distribution_id: E2, endpoint_url: minio}",
        "cdn.endpoint_url (line 6): must be a URL such as http://127.0.0.1:5000",
    ),
    (
        "notify: {webhook: 'https://'}",
        "notify.webhook (line 6): must be a URL, or $NAME of a variable that holds one",
    ),
    (
        "build: {phases: [collectstatics]}",
        'build.phases[0] (line 6): "collectstatics" is not a build phase '
        "(did you mean `collectstatic`?); the build phases are " + ", ".join(BUILD_PHASES),
    ),
    (
        "build: {precompress: [gz]}",
        'build.precompress[0] (line 6): "gz" is not an encoding (did you mean `gzip`?); '
        "the encodings are gzip, br, zstd",
    ),
    (
        "build: {commands: {compres: manage.py compress}}",
        'build.commands.compres (line 6): "compres" is not a build phase '
        "(did you mean `compress`?); the build phases are " + ", ".join(BUILD_PHASES),
    ),
    ("build: {phases: []}", "build.phases (line 6): is empty; name at least one build phase"),
    (
        "build: {by_content: [r.js, node_modules/.bin/r.js]}",
        'build.by_content[1] (line 6): "node_modules/.bin/r.js" is a path; write the name alone: r.js',
    ),
    (
        "build: {commands: {compress: true}}",
        "build.commands.compress (line 6): must be text (in quotes), not true",
    ),
    ("hooks: {before: [x]}", "hooks.before (line 6): unknown key; did you mean `before_deploy`?"),
    (
        "hooks: {before_deploy: notify}",
        "hooks.before_deploy (line 6): must be a list: [notify]",
    ),
    ("origin: {}", "origin.s3: is missing"),
    ("origin: {s3: {prefix: static/}}", "origin.s3.bucket: is missing; it must be text"),
    (
        "origin: {s3: {bucket: 's3://shop'}}",
        'origin.s3.bucket (line 6): "s3://shop" is not a name of a bucket: its name alone, no s3:// nor /',
    ),
    (
        "origin: {s3: {bucket: shop, prefix: /static/}}",
        'origin.s3.prefix (line 6): "/static/" is not a prefix; write it as static/, or leave it out',
    ),
    (
        "origin: {s3: {bucket: shop, prefix: a/../b}}",
        'origin.s3.prefix (line 6): "a/../b" is not a prefix; write it as static/, or leave it out',
    ),
    (
        "origin: {s3: {bucket: shop}, endpoint_url: minio}",
        "origin.endpoint_url (line 6): must be a URL such as https://minio.example.com:9000",
    ),
    (
        "origin: {s3: {bucket: shop, regoin: x}}",
        "origin.s3.regoin (line 6): unknown key; did you mean `region`?",
    ),
    (
        "distribute: {via: s3, bucket: shop, region: eu-west-1, sse: 'aws:kms', "
        "sse_key: 'arn:aws:kms:us-east-1:123456789012:key/1a'}",
        "distribute.sse_key (line 6): is in us-east-1; S3 wants a key of the bucket's region, eu-west-1",
    ),
    (
        "distribute: {via: s3}",
        "distribute.via (line 6): s3 needs a bucket: name it here (bucket, prefix, region) or as "
        "origin.s3",
    ),
    (
        "distribute: {bucket: shop-hub}",
        "distribute.bucket (line 6): has no meaning without `via: s3`",
    ),
    (
        "distribute: {via: shh}",
        'distribute.via (line 6): "shh" is not a choice (did you mean `ssh`?); the choices are ssh, s3',
    ),
    ("Hosts: {}", "Hosts (line 6): unknown key; did you mean `hosts`?"),
    ("app: again", "app (line 6): stands there twice"),
]


@pytest.mark.parametrize(("line", "expected"), MORE, ids=[line for line, _ in MORE])
def test_each_further_wrong_line_is_told_with_its_place_and_cure(line, expected):
    assert problems_of(SMALL + line + "\n") == [expected]


def test_a_negative_wait_is_told_that_zero_would_do():
    """`wait: 0` is allowed (it does not wait), so the cure must not say "above 0"."""
    (problem,) = problems_of(SMALL + "cdn: {distribution_id: E1, wait: -1}\n")
    assert problem == "cdn.wait (line 6): must be a number of seconds of at least 0, not -1"


def test_visitors_fetch_from_the_domain_over_https_unless_it_says_http():
    for domain, url in (
        ("d1.cloudfront.net", "https://d1.cloudfront.net"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
    ):
        assert read(SMALL + f"cdn: {{distribution_id: E1, domain: '{domain}'}}\n").cdn.url == url
    assert read(SMALL + "cdn: {distribution_id: E1}\n").cdn.url is None
    for domain in ("d1.cloudfront.net/static", "ftp://d1", "two words"):
        (problem,) = problems_of(SMALL + f"cdn: {{distribution_id: E1, domain: '{domain}'}}\n")
        assert problem == (
            "cdn.domain (line 6): must be a host such as d111111abcdef8.cloudfront.net, without a path"
        )


def test_zero_seconds_of_waiting_for_the_invalidation_is_right():
    assert read(SMALL + "cdn: {distribution_id: E1, wait: 0}\n").cdn.wait == 0


def test_an_answer_of_aws_is_waited_for_as_long_as_the_inventory_says():
    assert read(SMALL + "cdn: {distribution_id: E1}\n").cdn.timeout == 10
    assert read(SMALL + "cdn: {distribution_id: E1, timeout: 0.5}\n").cdn.timeout == 0.5
    (problem,) = problems_of(SMALL + "cdn: {distribution_id: E1, timeout: 0}\n")
    assert problem.startswith("cdn.timeout (line 6): must be a number of seconds")


def test_a_secret_that_is_a_value_is_refused_without_being_repeated():
    text = SMALL.replace("code}", "code, secrets: ['hunter2!']}")
    (problem,) = problems_of(text)
    assert problem == (
        "project.secrets[0] (line 5): is not a name of an environment variable; "
        "write the name, never the value"
    )
    assert "hunter2" not in problem


def test_a_secret_that_stands_in_the_environment_too_is_refused():
    text = SMALL.replace("code}", "code, secrets: [TOKEN], environment: {TOKEN: x}}")
    assert problems_of(text) == [
        "project.secrets[0] (line 5): TOKEN stands in environment too; keep one"
    ]


@pytest.mark.parametrize("name", ["A=B", '"NUL\\0"', '""'])
def test_a_name_that_no_environment_variable_can_have_is_refused(name):
    """The agent would fail with a traceback in the middle of the build."""
    text = SMALL.replace("code}", f"code, environment: {{{name}: x}}}}")
    assert len(problems_of(text)) == 1


def test_a_role_that_nobody_has_is_named():
    assert problems_of(SMALL.replace("[build, static, web]", "[static]")) == [
        "hosts (line 4): no host has the role build; give it to one: `roles: [build]`",
    ]


def test_no_host_needs_the_role_web():
    """Images may carry the manifests instead."""
    assert read(SMALL.replace("[build, static, web]", "[build, static]")).hosts


@pytest.mark.parametrize(
    "line", ["reload: x", "check: 'http://h/'", "running: 'http://h/'", "batch: 1"]
)
def test_what_only_web_hosts_do_is_refused_where_there_are_none(line):
    key = line.partition(":")[0]
    text = SMALL.replace("[build, static, web]", "[build, static]") + f"web: {{{line}}}\n"
    assert problems_of(text) == [
        f"web.{key} (line 6): has no meaning: no host has the role web. Give it to one: "
        "`roles: [web]`; or, where images carry the manifests, leave this out"
    ]


def test_an_inventory_without_hosts_says_so():
    text = SMALL.replace("  here: {local: true, roles: [build, static, web]}\n", "")
    assert problems_of(text) == ["hosts (line 3): is missing"]


def test_three_build_hosts_are_all_named():
    text = SMALL.replace(
        "  here: {local: true, roles: [build, static, web]}",
        "  a: {roles: [build, static, web]}\n  b: {roles: [build]}\n  c: {roles: [build]}",
    )
    (problem,) = problems_of(text)
    assert all(f"{name}" in problem.split(" both")[0] for name in "abc")


def test_a_host_that_stands_there_twice_is_named():
    text = SMALL.replace("project:", "  here: {roles: [web]}\nproject:")
    assert "hosts.here (line 5): stands there twice" in problems_of(text)


def test_the_environments_name_must_be_a_name():
    assert problems_of(SMALL, name="a b") == [
        '"a b" is not a name for an environment: letters, digits, . _ - only'
    ]


def test_text_that_is_no_yaml_is_told_with_its_line():
    (problem,) = problems_of("app: [shop\ndeploy_to: x\n")
    assert problem.startswith("line 2, column ")
    assert "it is not YAML: " in problem


def test_an_alias_bomb_is_refused_at_once():
    rows = ["a: &l0 [x, x]"] + [f"b{n}: &l{n} [*l{n - 1}, *l{n - 1}]" for n in range(1, 40)]
    assert problems_of("\n".join(rows)) == ["its aliases expand to more than 100000 values"]


def test_an_alias_inside_its_own_anchor_is_refused():
    assert problems_of("hosts: &all [*all]") == ["its aliases expand to more than 100000 values"]


def test_deep_nesting_is_refused():
    assert problems_of("app: " + "[" * 2000 + "]" * 2000) == ["it is nested too deeply"]


@pytest.mark.parametrize(
    "text",
    [
        "app: 2026-02-30",  # a date that does not exist
        "app: !!bool maybe",
        "app: !!int ''",
        "app: !!float many",
        "app: !!timestamp soon",
        "keep_releases: " + "9" * 5000,
        "keep_releases: 0x" + "f" * 5000,
        "keep_releases: -0x" + "f" * 5000,
        "cdn: {distribution_id: E1, wait: 1" + "0" * 400 + "}",
        "keep_for: '" + "9" * 5000 + "'",
        "app: !!binary '%'",
        "? [a]\n: b",
        "!!set {app}",
        "a: 1\n---\nb: 2",
        "!!python/object/apply:os.system [true]",
        "app: =",
        "\x00",
        "app: \ud800",
        "&a\n<<: *a",
    ],
    ids=lambda text: ascii(text[:40]),
)
def test_whatever_yaml_can_hold_ends_in_an_inventory_error(text):
    with pytest.raises(InventoryError):
        read(text)


words = st.sampled_from(
    [
        "app",
        "deploy_to",
        "hosts",
        "roles",
        "project",
        "path",
        "ssh",
        "build",
        "phases",
        "web",
        "batch",
        "cdn",
        "wait",
        "keep_for",
        "shop",
        "true",
        "null",
        "1",
        "-1",
        "1.5",
        "0x1f",
        "7d",
        "~",
        ".inf",
        "2026-02-30",
        "/srv",
        "build:",
        "static:",
        "-",
        "[",
        "]",
        "{",
        "}",
        ":",
        ",",
        "&",
        "*",
        "&a",
        "*a",
        "<<",
        "?",
        "|",
        ">",
        "'",
        '"',
        "#",
        "!",
        "!!int",
        "!!str",
        "---",
        "...",
        "=",
    ]
)
yamlish = st.lists(
    st.one_of(words, st.sampled_from([" ", "\n", "\n  ", ": ", "\n- "]), st.text(max_size=3)),
    max_size=40,
).map("".join)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["/srv/x", "build", "collectstatic", "25%"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
keys = "app deploy_to keep_releases keep_for hosts ssh project build web cdn origin probe confirm distribute hooks"


@given(yamlish)
def test_random_text_is_read_or_refused_never_anything_else(text):
    with contextlib.suppress(InventoryError):
        read(text)


@given(st.dictionaries(st.sampled_from(keys.split()), values, max_size=8))
def test_wrong_types_anywhere_are_refused_never_anything_else(data):
    with contextlib.suppress(InventoryError):
        read(yaml.safe_dump({**yaml.safe_load(SMALL), **data}))


@pytest.mark.parametrize("url", ["https://hooks.example.com/T0/B0", "$SLACK_WEBHOOK_URL"])
def test_a_webhook_is_a_url_or_the_name_of_a_variable(url):
    assert read(SMALL + f"notify: {{webhook: '{url}'}}\n").notify.webhook == url


@pytest.mark.parametrize("url", ["hooks.example.com", "$", "$A-B", "ftp://a"])
def test_what_is_neither_is_no_webhook(url):
    with pytest.raises(InventoryError, match=r"must be a URL, or \$NAME of a variable"):
        read(SMALL + f"notify: {{webhook: '{url}'}}\n")


LOCAL = """\
app: shop
deploy_to: "{folder}/.local"
hosts:
  here: {local: true, roles: [build, static, web]}
project:
  path: "{folder}/code"
  python: "{folder}/.venv/bin/python"
  environment: {DATA: "{folder}/data"}
"""


def test_on_a_developers_machine_paths_may_be_below_the_fabfiles_folder():
    found = inventory.beside(read(LOCAL), Path("/home/anna/shop/inventories"))
    assert found.deploy_to == "/home/anna/shop/.local"
    assert found.project.path == "/home/anna/shop/code"
    assert found.project.python == "/home/anna/shop/.venv/bin/python"
    assert found.project.environment == {"DATA": "/home/anna/shop/data"}


def test_hosts_over_ssh_do_not_have_the_fabfiles_folder():
    with pytest.raises(InventoryError) as caught:
        read(LOCAL.replace("local: true", "address: 10.0.0.1"))
    message = "{folder} is this machine's; hosts over SSH need the whole path"
    assert caught.value.what == (
        "the inventory has 4 problems:\n"
        f"  - deploy_to (line 2): {message}\n"
        f"  - project.path (line 6): {message}\n"
        f"  - project.python (line 7): {message}\n"
        f"  - project.environment.DATA (line 8): {message}"
    )


# ---- buckets


S3_ONLY = """\
app: shop
deploy_to: /srv/shop/static
hosts:
  build1: {address: 192.0.2.10, roles: [build]}
  web1: {address: 192.0.2.31, roles: [web]}
project: {path: /srv/shop/code}
origin:
  s3: {bucket: shop-static, prefix: static, region: eu-west-1, checksum: false, version_function: true, cache_tags: true}
  endpoint_url: https://minio.example.com:9000/
"""


def test_an_environment_whose_only_origin_is_a_bucket_needs_no_static_host():
    environment = read(S3_ONLY)
    assert environment.with_role("static") == ()
    assert environment.hub is None
    assert environment.origin == S3(
        bucket="shop-static",
        prefix="static/",
        region="eu-west-1",
        endpoint_url="https://minio.example.com:9000/",
        checksum=False,
        version_function=True,
        cache_tags=True,
    )
    assert str(environment.origin) == "s3://shop-static/static/"


def test_what_a_buckets_policy_demands_stands_beside_any_bucket():
    """(fleet C13)."""
    key = "arn:aws:kms:eu-west-1:123456789012:key/1a2b"
    place = f"bucket: shop, sse: 'aws:kms', sse_key: '{key}', acl: bucket-owner-full-control, owner: '123456789012'"
    wanted = S3(
        "shop", sse="aws:kms", sse_key=key, acl="bucket-owner-full-control", owner="123456789012"
    )
    environment = read(
        SMALL
        + f"origin: {{s3: {{{place}}}}}\ndistribute: {{via: s3, {place}}}\nreport: {{s3: {{{place}}}}}\n"
    )
    assert environment.origin == environment.hub == environment.report == wanted
    arn = "arn:aws:s3:eu-west-1:123456789012:accesspoint/shop"
    assert read(SMALL + f"origin: {{s3: {{bucket: '{arn}'}}}}\n").origin.bucket == arn


def test_all_that_is_wrong_with_an_encryption_is_told_at_once():
    line = "origin: {s3: {bucket: shop, sse: aes256, sse_key: key, acl: public, owner: '12'}}\n"
    assert problems_of(SMALL + line) == [
        'origin.s3.sse_key (line 6): "key" is not an ARN of a KMS key: arn:aws:kms:REGION:ACCOUNT:key/ID, or '
        "…:alias/NAME",
        'origin.s3.owner (line 6): "12" is not an AWS account: 12 digits, in quotes',
        'origin.s3.sse (line 6): "aes256" is not a choice; the choices are AES256, '
        "aws:kms, aws:kms:dsse",
        'origin.s3.acl (line 6): "public" is not a choice (did you mean `public-read`?); the choices are '
        "bucket-owner-full-control, private, public-read",
        "origin.s3.sse_key (line 6): has no meaning without `sse: aws:kms` or `aws:kms:dsse`",
    ]


def test_hosts_fetch_from_the_origins_bucket_when_no_other_is_named():
    environment = read(S3_ONLY + "distribute: {via: s3}\n")
    assert environment.hub == environment.origin


def test_hosts_may_fetch_from_a_bucket_of_their_own():
    environment = read(SMALL + "distribute: {via: s3, bucket: shop-hub, region: eu-west-1}\n")
    assert environment.origin is None
    assert environment.hub == S3("shop-hub", "", "eu-west-1")


def test_who_puts_objects_is_said_of_each_bucket_that_releases_go_to():
    by_operator = "{bucket: shop, put_by: operator}"
    environment = read(SMALL + f"origin: {{s3: {by_operator}}}\ndistribute: {{via: s3}}\n")
    assert environment.origin.put_by == environment.hub.put_by == "operator"
    (refused,) = problems_of(SMALL + f"report: {{s3: {by_operator}}}\n")
    assert refused.startswith("report.s3.put_by (line 6): unknown key")
    wrong = "distribute: {via: s3, bucket: shop, put_by: me}\n"
    assert problems_of(SMALL + wrong) == [
        'distribute.put_by (line 6): "me" is not a choice; the choices are build, operator'
    ]


def test_a_bucket_for_reports_is_read_and_its_mistakes_are_told():
    place = read(SMALL + "report: {s3: {bucket: shop-reports, prefix: a}}\n").report
    assert str(place) == "s3://shop-reports/a/"
    assert read(SMALL).report is None
    wrong = SMALL + "report: {s3: {bucket: 's3://a', version_function: true}}\n"
    assert [one.partition(" (")[0] for one in problems_of(wrong)] == [
        "report.s3.bucket",
        "report.s3.version_function",
    ]


ON_A_RUNNER = """\
app: shop
deploy_to: /tmp/shop
hosts: {runner: HOST}
project: {path: /builds/shop}
"""
HERE, FAR = "{local: true, roles: [build]}", "{address: 10.0.0.1, roles: [build]}"
SERVES = "{local: true, roles: [build, static]}"
ORIGIN = "origin: {s3: {bucket: shop}}\n"


@pytest.mark.parametrize(
    ("host", "more", "bucket"),
    [
        (HERE, ORIGIN, "shop"),
        (HERE, ORIGIN + "distribute: {via: s3, bucket: hub}\n", "hub"),
        (HERE, ORIGIN + "release: {record: host}\n", None),
        (FAR, ORIGIN, None),
        (FAR, ORIGIN + "release: {record: bucket}\n", "shop"),
        (SERVES, ORIGIN, None),
    ],
)
def test_a_bucket_keeps_the_record_where_no_build_host_lasts(host, more, bucket):
    place = read(ON_A_RUNNER.replace("HOST", host) + more).notes
    assert (place.bucket if place else None) == bucket


@pytest.mark.parametrize(
    ("host", "more", "problem"),
    [
        (FAR, "", "release.record (line 5): bucket needs one: name it as origin.s3, or distribute"),
        (SERVES, ORIGIN, "release.record (line 6): bucket is for a build host that does not last; runner has the role static"),
    ],
)  # fmt: skip
def test_a_record_without_a_place_is_refused(host, more, problem):
    text = ON_A_RUNNER.replace("HOST", host) + more + "release: {record: bucket}\n"
    assert any(line.startswith(problem) for line in problems_of(text))
