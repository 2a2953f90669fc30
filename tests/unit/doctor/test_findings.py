"""A finding's shape, which `check --json` prints."""

from fab_static.doctor.findings import advice, bad, good, is_well


def test_only_what_is_bad_needs_mending() -> None:
    well, tip = good("web1", "SSH", "w"), advice("web1", "SSH", "a", "do", details=["d"])
    assert is_well([])
    assert is_well([well, tip])
    assert not is_well([well, bad("web1", "SSH", "b", "mend"), tip])


def test_advice_is_told_apart_from_what_is_well_and_has_a_cure() -> None:
    shape = {"where": "web1", "subject": "SSH"}
    assert good("web1", "SSH", "w") == {**shape, "ok": True, "what": "w", "mend": None}
    assert bad("web1", "SSH", "b", "m") == {**shape, "ok": False, "what": "b", "mend": "m"}
    assert advice("web1", "SSH", "a", "m", details=["d"]) == {
        **shape,
        **{"ok": True, "advice": True, "what": "a", "mend": "m", "details": ["d"]},
    }
