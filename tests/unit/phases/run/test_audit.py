"""What the audit asks of a build host, which is this machine."""

from __future__ import annotations

import hashlib

from fab_static.api import Quiet
from fab_static.phases.run.audit import refuse_wrong_versions
from fab_static.phases.run.deployment import Deployment
from fab_static.plan import versions
from fab_static.plan.inventory import Environment, Host, Project
from fab_static.plan.wire import verbs
from fab_static.remote import Fleet


class Told(Quiet):
    def __init__(self):
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)


def test_bundles_hashed_before_their_map_was_named_are_warned_of_whatever_their_size(tmp_path):
    """(build B) Large files come in deflated packs and small ones in plain packs, in an order of their own."""
    host = Host("here", "here", ("build", "static", "web"), local=True)
    environment = Environment(
        name="local",
        app="shop",
        deploy_to=str(tmp_path / "static"),
        hosts=(host,),
        project=Project(path=str(tmp_path)),
    )
    fleet = Fleet(environment)
    told = Told()
    deploy = Deployment(environment, fleet, show=told, operator="me@here")
    recorded, files = {}, {}
    for name, code in {
        **{f"small{n}/bundle.js": b"f(%d)\n" % n for n in range(9)},
        **{f"large{n}/bundle.js": b"call(%d); // words\n" % n * 600 for n in range(9)},
    }.items():
        line = b"//# sourceMappingURL=bundle.js.map"
        recorded[name] = versions.of(code + line)
        data = code + line + b"?version=" + recorded[name].encode()
        deploy.build.ask(verbs.PUT_OBJECT, body=data)
        files[name] = [hashlib.sha256(data).hexdigest(), len(data), versions.of(data)]
    refuse_wrong_versions(deploy, recorded, {"files": files})
    (warning,) = told.warnings
    assert warning.startswith("18 bundles were hashed before the line with the source map's URL")
    fleet.close()
