"""Native code: what is known to read nothing, what a project trusts, and what keeps a run from being used again."""

from types import ModuleType

import pytest

from fab_static.host.project.reads.natives import Natives
from fab_static.host.project.reads.notes import Notes

PACKAGES = "/srv/venv/lib/python3.11/site-packages"


def judged(modules, trust=(), libraries=()):
    """Return why a run with these modules, name -> file, is not used again."""
    loaded = {}
    for name, file in modules.items():
        loaded[name] = ModuleType(name)
        loaded[name].__file__ = file
    return of_modules(loaded, trust, libraries)


def of_modules(loaded, trust=(), libraries=()):
    notes = Notes(0, ())
    natives = Natives(trust)
    for library in libraries:
        natives.loads(library)
    natives.judge(notes, loaded)
    return notes.unseen


def native(name, file):
    module = ModuleType(name)
    module.__file__ = f"{PACKAGES}/{file}"
    return module


CFFI = native("_cffi_backend", "_cffi_backend.cpython-311-x86_64-linux-gnu.so")


def test_what_is_known_to_read_nothing_is_no_reason():
    assert judged({"nh3.nh3": f"{PACKAGES}/nh3/nh3.abi3.so", "site": None}) == []
    assert judged({"google._upb._message": f"{PACKAGES}/google/_upb/_message.abi3.so"}) == []
    zones = f"{PACKAGES}/backports/zoneinfo/_czoneinfo.so"  # of Django 4.2 with Python 3.8
    assert judged({"backports.zoneinfo._czoneinfo": zones}) == []
    assert judged({"PIL._imagingcms": f"{PACKAGES}/PIL/_imagingcms.so"}) != []


def test_a_module_is_known_by_each_of_its_names():
    """A second name, which is shorter, is in sys.modules too for PyNaCl's: a project was told to trust `_sodium`."""
    file = f"{PACKAGES}/nacl/_sodium.abi3.so"
    assert judged({"nacl._sodium": file, "_sodium": file}) == []


def test_the_name_that_says_where_it_lies_is_told():
    file = f"{PACKAGES}/salt/_sodium.abi3.so"
    assert judged({"salt._sodium": file, "_sodium": file, "other.salt._sodium": file}) == [
        "it loaded native code, which may read unseen: salt._sodium; trust what does not: build.trust: [salt]"
    ]


def test_modules_and_libraries_are_told_in_one_sentence():
    assert judged(
        {"lxml.etree": f"{PACKAGES}/lxml/etree.so", "lxml.sax": f"{PACKAGES}/lxml/sax.so"},
        libraries=["/usr/lib/libgdal.so.32", "libgeos_c.so.1"],
    ) == [
        "it loaded native code, which may read unseen: /usr/lib/libgdal.so.32, libgeos_c.so.1 and lxml.etree; "
        "trust what does not: build.trust: [libgdal, libgeos_c, lxml]"
    ]
    trust = ("libgdal", "libgeos_c.so.1", "lxml")
    assert judged({"lxml.etree": f"{PACKAGES}/lxml/etree.so"}, trust, ["libgdal.so.32"]) == []
    assert judged({}, trust, ["libgeos_c.so.1"]) == []


def test_cffi_that_only_serves_what_was_compiled_is_no_reason():
    """It is there in each project that has cryptography."""
    assert of_modules({"_cffi_backend": CFFI}) == []


@pytest.mark.parametrize("by", ["cffi", "generated"])
def test_cffi_that_may_have_loaded_a_library_is_one(by):
    other = ModuleType(by)
    if by == "generated":  # as cffi writes a module for a library that is found at run time
        other._cffi_backend = CFFI
    assert of_modules({"_cffi_backend": CFFI, by: other}) == [
        "it loaded native code, which may read unseen: _cffi_backend; "
        "trust what does not: build.trust: [_cffi_backend]"
    ]
