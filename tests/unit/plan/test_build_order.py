import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.plan import build_order
from fab_static.plan.build_order import APPS, BUILD_PHASES, PHASES, command_missing, stale

some_phases = st.sets(st.sampled_from(BUILD_PHASES)).map(
    lambda chosen: tuple(name for name in BUILD_PHASES if name in chosen)
)


def test_every_phase_reads_only_what_an_earlier_one_wrote():
    """The order is data's, not taste's: a phase before its source builds on the last deploy's files."""
    written = {"sources"}
    for name in BUILD_PHASES:
        phase = PHASES[name]
        assert set(phase.reads) <= written, name
        written |= set(phase.writes)


def test_no_two_phases_write_the_same_thing():
    written = [thing for phase in PHASES.values() for thing in phase.writes]
    assert len(written) == len(set(written))


def test_compress_comes_after_everything_that_makes_versions():
    """Its keys are hashes of rendered blocks, versions in them: earlier, pages raise OfflineGenerationError."""
    writers = [name for name in BUILD_PHASES if any("versions" in it for it in PHASES[name].writes)]
    assert writers == ["resource_static", "build_requirejs"]
    assert all(BUILD_PHASES.index(name) < BUILD_PHASES.index("compress") for name in writers)
    assert BUILD_PHASES[-1] == "compress"


def test_the_order_is_the_designs():
    assert BUILD_PHASES == (
        "collectstatic",
        "fix_less_imports",
        "compilejsi18n",
        "resource_static",
        "build_requirejs",
        "compress",
    )


def test_each_phase_knows_the_command_that_the_project_must_have():
    assert [PHASES[name].management_command for name in BUILD_PHASES] == [
        "collectstatic",
        "fix_less_imports_collectstatic",
        "compilejsi18n",
        "resource_static",
        "build_requirejs",
        "compress",
    ]


@pytest.mark.parametrize(
    ("phase", "configured", "expected"),
    [
        ("collectstatic", BUILD_PHASES, BUILD_PHASES[1:]),
        ("resource_static", BUILD_PHASES, ("build_requirejs", "compress")),
        ("compress", BUILD_PHASES, ()),
        ("collectstatic", ("collectstatic", "compress"), ("compress",)),
    ],
)
def test_a_rerun_makes_every_later_configured_phase_stale(phase, configured, expected):
    ran = {name: number for number, name in enumerate(configured, 1)}
    assert stale({**ran, phase: 99}, configured) == expected


@given(some_phases)
def test_where_nothing_ran_everything_is_stale(configured):
    assert stale({}, configured) == configured


@given(some_phases)
def test_after_a_whole_build_in_order_nothing_is_stale(configured):
    assert stale({name: number for number, name in enumerate(configured, 1)}, configured) == ()


@given(some_phases.filter(bool), st.data())
def test_after_a_rerun_of_one_phase_exactly_the_later_ones_are_stale(configured, data):
    ran = {name: number for number, name in enumerate(configured, 1)}
    phase = data.draw(st.sampled_from(configured))
    ran[phase] = 1 + max(ran.values())
    assert stale(ran, configured) == configured[configured.index(phase) + 1 :]


@given(st.dictionaries(st.sampled_from(BUILD_PHASES), st.integers(1, 20)), some_phases)
def test_running_what_is_stale_leaves_nothing_stale(ran, configured):
    left = stale(ran, configured)
    assert left == configured[len(configured) - len(left) :], "a tail: nothing is skipped over"
    last = max(ran.values(), default=0)
    assert stale({**ran, **{name: last + at for at, name in enumerate(left, 1)}}, configured) == ()


def test_a_phase_that_is_not_configured_makes_nothing_stale():
    ran = {"collectstatic": 1, "compress": 2, "resource_static": 3}
    assert build_order.stale(ran, ("collectstatic", "compress")) == ()


def test_catalogues_that_are_sources_are_written_before_these_are_collected():
    """(build A7) They were always one build late; the order follows from what is read and written."""
    written = {"messages"}
    phases = {**PHASES, "compilejsi18n": build_order.WRITES_SOURCES}
    order = build_order.order_of(BUILD_PHASES, catalogues_are_sources=True)
    assert order == build_order.CATALOGUES_FIRST
    assert sorted(order) == sorted(BUILD_PHASES)
    for name in order:
        assert set(phases[name].reads) - {"catalogues"} <= written, name
        written |= set(phases[name].writes)
    assert build_order.order_of(BUILD_PHASES, catalogues_are_sources=False) == BUILD_PHASES
    alone = ("compilejsi18n", "compress")
    assert build_order.order_of(alone, catalogues_are_sources=True) == BUILD_PHASES


def test_a_rerun_of_the_catalogues_makes_collectstatic_stale_where_they_are_sources():
    order = build_order.CATALOGUES_FIRST
    whole = {name: number for number, name in enumerate(order, 1)}
    assert stale({**whole, "compilejsi18n": 99}, BUILD_PHASES, order) == order[1:]
    ran = {"collectstatic": 1, "compilejsi18n": 2}
    assert stale(ran, ("collectstatic", "compilejsi18n"), order) == ("collectstatic",)
    assert build_order.before("collectstatic", BUILD_PHASES, order) == ()
    assert build_order.before("fix_less_imports", BUILD_PHASES, order) == ("collectstatic",)


def test_the_app_that_has_a_command_is_named_where_it_is_known():
    """And each command of the built-in phases is."""
    assert {phase.management_command for phase in PHASES.values()} == {*APPS}
    assert command_missing("compress", "compress", "inventories/staging.yml") == (
        "the project has no management command compress",
        'add "compressor" to INSTALLED_APPS, or take compress out of build.phases in inventories/staging.yml',
    )
    assert command_missing("tailwind", "css", "a.yml")[1] == (
        "add the app that has it to INSTALLED_APPS, or take css out of build.phases in a.yml"
    )
