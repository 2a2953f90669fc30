import pytest

from fab_static import errors
from fab_static.errors import FabStaticError

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, FabStaticError) and kind is not FabStaticError
]


def test_an_error_reads_as_what_where_and_how_to_mend_it():
    error = errors.ReleaseError(
        "there is no release older than 20261122T170102Z-3f9c1a7b to roll back to",
        where="releases/ on edge1 and edge2",
        mend="deploy a good revision instead: fab production deploy",
    )
    assert str(error) == (
        "there is no release older than 20261122T170102Z-3f9c1a7b to roll back to\n"
        "  where: releases/ on edge1 and edge2\n"
        "  mend:  deploy a good revision instead: fab production deploy"
    )
    assert error.args == (error.what,)


@pytest.mark.parametrize("kind", KINDS)
def test_no_error_can_leave_out_where_or_how_to_mend_it(kind):
    for incomplete in ({}, {"where": "here"}, {"mend": "so"}):
        with pytest.raises(TypeError):
            kind("what happened", **incomplete)
    with pytest.raises(TypeError):
        kind("what happened", "here", "so")


def test_the_tree_of_errors_is_the_one_its_docstring_draws():
    assert {kind.__name__ for kind in KINDS} == {
        "InventoryError",
        "ReleaseError",
        "ManifestError",
        "BuildError",
        "DeployLockedError",
        "RemoteError",
        "CdnError",
        "ProbeError",
        "DisagreementError",
    }
    for kind in KINDS:
        assert kind.__bases__ == (FabStaticError,)
        assert kind.__name__ in (errors.__doc__ or "")
        assert kind.__doc__
