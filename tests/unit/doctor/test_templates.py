"""What the doctor says of templates: advice, which fails nothing."""

import io
from types import SimpleNamespace

from fab_static.doctor.findings import is_well
from fab_static.doctor.templates import of_templates, template_findings
from fab_static.errors import BuildError
from fab_static.report.found import show_findings
from fab_static.report.terminal import Terminal


def template(name, *, total=None, outside=(), hard_coded=(), unversioned=()):
    kinds = {"scripts": 0, "stylesheets": 0, "images": 0, "other": 0}
    return {
        "template": name,
        "page": total is not None,
        "requests": None if total is None else {**kinds, "total": total},
        "outside": [{"line": line, "kind": kind, "url": "x"} for line, kind in outside],
        "hard_coded": [{"line": line, "url": "/static/x"} for line in hard_coded],
        "unversioned": list(unversioned),
    }


def shown(findings):
    stream = io.StringIO()
    show_findings(Terminal({}, stream=stream), findings)
    return stream.getvalue().splitlines()


BAD = {"where": "web1", "subject": "SSH", "ok": False, "what": "silent", "mend": "start it"}


def test_each_template_is_told_in_one_line_with_its_lines_and_cures():
    page = template(
        "cart.html",
        total=7,
        outside=[(4, "script"), (9, "script"), (2, "stylesheet")],
        hard_coded=[12],
        unversioned=[{"line": 2, "url": "../a.png", "in": "cart.css"}],
    )
    fine = template("fine.html", total=2)
    answer = {"templates": [page, fine, template("part.html")], "unversioned_tag": []}
    summary, advice = template_findings("build1", answer)
    assert summary == {
        "where": "build1",
        "subject": "templates",
        "ok": True,
        "what": "2 pages in 3 templates; a page asks for 4.5 static files on average, cart.html for 7, "
        "the most",
        "mend": None,
        "details": {"cart.html": page["requests"], "fine.html": fine["requests"]},
    }
    assert advice == {
        "where": "build1",
        "subject": "template cart.html",
        "ok": True,
        "advice": True,
        "what": "2 scripts outside {% compress %} (lines 4, 9); 1 stylesheet outside {% compress %} "
        "(line 2); 1 URL with STATIC_URL written out (line 12); 1 reference without a version, such as "
        "../a.png of cart.css (line 2); the page asks for 7 static files",
        "mend": "put them into {% compress %} blocks: one request, cached for good; write "
        '{% static "…" %}, which prints the version; what has no version keeps its URL when it '
        "changes, so caches keep it for minutes: compress the stylesheet that names it, where one does",
        "details": page,
    }


def test_a_static_tag_without_versions_is_told_once():
    answer = {"templates": [], "unversioned_tag": ["a.html", "b.html"]}
    (advice,) = template_findings("build1", answer)
    assert advice["what"] == (
        "{% static %} prints no version in 2 templates, such as a.html: caches cannot keep these files "
        "for long"
    )
    assert advice["details"] == {"templates": ["a.html", "b.html"]}


def test_advice_fails_nothing_and_stands_apart_from_what_is_bad():
    answer = {
        "templates": [template(f"{n:02}.html", hard_coded=[n + 1]) for n in range(25)],
        "unversioned_tag": [],
    }
    advice = template_findings("build1", answer)
    assert is_well(advice)
    lines = shown(advice)
    assert lines[1].startswith("advice; a deploy does well without it")
    assert lines[2] == "tip  build1: template 00.html: 1 URL with STATIC_URL written out (line 1)"
    assert lines[22:] == [
        '       write {% static "…" %}, which prints the version',
        "     … and 5 more: check --json has them all",
        "",
        "all is well",
    ]
    assert not is_well([*advice, BAD])
    lines = shown([*advice, BAD])
    assert lines[:2] == ["BAD  web1: SSH: silent", "       mend: start it"]
    assert lines[-1] == "1 of 1 findings need mending"


def test_each_cure_stands_below_the_advice_that_it_is_for():
    a, b = ({**BAD, "ok": True, "advice": True, "mend": mend} for mend in ("one; two", "three"))
    assert shown([a, b, a])[2:-2] == [
        "tip  web1: SSH: silent",
        "tip  web1: SSH: silent",
        "       one",
        "       two",
        "tip  web1: SSH: silent",
        "       three",
    ]


def test_without_advice_nothing_is_said_of_it():
    assert shown([{**BAD, "ok": True, "mend": None}]) == ["ok   web1: SSH: silent", "all is well"]


def test_scripts_without_integrity_are_told_once_with_the_headers_to_begin_with():
    unchecked = [{"line": 3, "url": "a.js"}, {"line": 9, "url": "https://cdn.example.com/b.js"}]
    linted = {"requests": None, "page": False, "outside": [], "hard_coded": [], "unversioned": []}
    templates = [
        {"template": "base.html", **linted, "unchecked": unchecked},
        {"template": "well.html", **linted, "unchecked": []},
    ]
    (advice,) = template_findings("build1", {"templates": templates, "unversioned_tag": []})
    assert advice["ok"]
    assert advice["what"] == "2 scripts have no integrity: base.html lines 3, 9"
    header = "Integrity-Policy-Report-Only: blocked-destinations=(script), endpoints=(integrity)"
    assert header in advice["mend"]
    assert advice["details"] == {"base.html": unchecked}


def test_templates_that_cannot_be_read_are_a_fault_where_they_are_compressed():
    """A new user read "all is well", and compress failed."""

    def cannot(_):
        raise BuildError("no", where="build1", mend="mend it")

    for phases, is_well_then in ((["collectstatic", "compress"], False), (["collectstatic"], True)):
        build = SimpleNamespace(phases=phases)
        deploy = SimpleNamespace(
            environment=SimpleNamespace(build=build),
            project=lambda _: SimpleNamespace(ask=cannot),
        )
        found = of_templates(deploy, SimpleNamespace(name="build1"))
        assert [(one["what"], one["mend"]) for one in found] == [("cannot be read: no", "mend it")]
        assert is_well(found) == is_well_then
