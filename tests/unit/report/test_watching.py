"""What viewers of a run are told; tests/browser/test_watch.py looks at the page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fab_static.report.html import report
from fab_static.report.watching import LINES, Seen, Watched, Watching, policy
from fab_static.timeline import Timeline
from tests.clock import Clock
from tests.unit.report.test_html import SUMMARY, Page


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timeline(clock: Clock) -> Timeline:
    made = Timeline(clock)
    made.expect(("collectstatic", "compress", "distribute", "activate"), {"compress": 4.0})
    return made


@pytest.fixture
def watching(timeline: Timeline) -> Watching:
    made = Watching("shop · staging · deploy")
    made.follow(timeline, ["build1", "web1"])
    return made


def told(watching: Watching, seen: Seen) -> Any:
    event, data, is_last = watching.news(seen)
    assert (event, is_last) == ("news", False)
    return json.loads(data)


def test_a_viewer_sees_how_far_each_host_is(
    watching: Watching, timeline: Timeline, clock: Clock
) -> None:
    with timeline.phase("compress"), timeline.on("build1"):
        clock.now += 2
    with timeline.phase("distribute"), timeline.sending("web1", 4_000_000) as sent:
        sent(1_000_000)
        news = told(watching, Seen())
    assert news["phase"] == "distribute"
    assert news["clock"] == "0:00  ·  in all 0:02"
    assert news["columns"] == ["build", "distribute", "activate"]
    assert news["hosts"] == ["build1", "web1"]
    assert [[cell["words"] for cell in row] for row in news["cells"]] == [
        ["2.0 s", "·", "·"],
        ["·", "25% of 4.0 MB", "·"],
    ]
    assert [cell["state"] for cell in news["cells"][1]] == ["", "running", ""]


def test_a_viewer_gets_what_has_ended_once_and_what_runs_each_time(
    watching: Watching, timeline: Timeline, clock: Clock
) -> None:
    seen = Seen()
    with timeline.phase("connect"):
        pass
    with timeline.phase("compress"):
        first = told(watching, seen)
        clock.now += 3
        second = told(watching, seen)
    third = told(watching, seen)
    assert [(one["from"], len(one["spans"])) for one in (first, second, third)] == [
        (0, 2), (1, 1), (1, 1),
    ]  # fmt: skip
    assert [one["spans"][-1]["outcome"] for one in (first, second, third)] == [
        "running", "running", "done",
    ]  # fmt: skip
    assert second["spans"][0]["x"] == [0.0, 3.0]
    assert told(watching, seen)["spans"] == []
    late = told(watching, Seen())
    assert [bar["phase"] for bar in late["spans"]] == ["connect", "compress"]


def test_lines_come_once_and_who_is_late_gets_the_last_ones(watching: Watching) -> None:
    seen = Seen()
    watching.line("one")
    assert told(watching, seen)["lines"] == ["one"]
    assert told(watching, seen)["lines"] == []
    for at in range(LINES + 50):
        watching.line(str(at))
    assert told(watching, seen)["lines"] == [str(at) for at in range(50, LINES + 50)]
    assert len(told(watching, Seen())["lines"]) == LINES


def test_in_the_end_the_report_comes_or_words_where_there_is_none(watching: Watching) -> None:
    watching.end("failed: the lock is held")
    assert watching.news(Seen()) == ("end", '{"words": "failed: the lock is held"}', True)
    watching.report("<header><h1>")
    event, data, is_last = watching.news(Seen())
    assert (event, is_last) == ("report", True)
    page = json.loads(data)["page"]
    assert page.endswith(
        "The run has ended, and this address with it. The report is not kept.</p><h1>"
    )
    watching.wait(1000)  # for nothing: it has ended


def test_the_report_says_where_it_is_kept(watching: Watching) -> None:
    """Who reloaded the page in the end saw nothing: its server ends with the command."""
    watching.report(report(SUMMARY), "/home/ada/<state>/1-deploy.html")
    page = json.loads(watching.news(Seen())[1])["page"]
    words, title = page.index("The run has ended"), page.index("<h1>")
    assert words < title
    assert "/home/ada/&lt;state&gt;/1-deploy.html" in page[words:title]


class Shown:
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> None:
            self.calls.append((name, *args))

        return call


def test_what_a_run_tells_reaches_the_terminal_as_it_is_and_viewers_without_secrets(
    watching: Watching,
) -> None:
    terminal = Shown()
    show = Watched(terminal, watching, lambda text: text.replace("tiger", "[PASSWORD]"))  # type: ignore[arg-type]
    show.say("tiger said")
    show.warn("tiger warned")
    show.output("web1", b"tiger printed")
    assert terminal.calls == [
        ("say", "tiger said"),
        ("warn", "tiger warned"),
        ("output", "web1", b"tiger printed"),
    ]
    assert told(watching, Seen())["lines"] == ["  [PASSWORD] said", "  [PASSWORD] warned"]


def test_the_page_is_whole_and_its_title_stays_text() -> None:
    page = Page(Watching("<b>shop</b>").page())
    assert "<b>shop</b>" in page.text
    assert "b" not in [tag for tag, _ in page.tags]


def test_the_policy_names_every_script_and_style_of_page_and_report_and_nothing_else() -> None:
    import base64
    import hashlib
    import re

    for html in (Watching("shop").page(), report(SUMMARY)):
        inline = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", html, re.DOTALL)
        assert len(inline) >= 3
        for text in inline:
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert f"'sha256-{digest}'" in policy()
        assert " style=" not in html.split("<script")[0]
    assert "unsafe" not in policy()
    assert policy().startswith("default-src 'none';")
