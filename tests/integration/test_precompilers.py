"""Precompilers that are programs: one changed variable runs those alone that read it, without any setting of ours.

Needs strace, and `npm ci` in tests/sample_project.
"""

from __future__ import annotations

import re
from functools import partial

import pytest

from fab_static.errors import BuildError
from fab_static.plan.build_order import BUILD_PHASES

from .test_reuse import Shop

# lessc as it stands in many a project, and a log of its calls
SETTINGS = """
COMPRESS_PRECOMPILERS = [
    ("text/less", f"echo {{infile}} >> {BASE_DIR}/calls.log; node {BASE_DIR}/node_modules/less/bin/lessc "
     "{infile} {outfile}"),
]
"""
GLAZES = "catalog/static/catalog/less/glazes.less"
HOME = "shop/static/shop/less/home.less"
NOT_RUN = ("compilejsi18n", "build_requirejs")
OF_GLAZES = ["catalog.less", "styleguide.less", "theme.less"]
LEFT_OUT = {  # template -> sheet: Bootstrap takes as long as all others, and these three are like those that stay
    "shop/templates/shop/base.html": "shop/less/bootstrap.less",
    "account/templates/account/addresses.html": "account/less/addresses.less",
    "account/templates/account/includes/css.html": "account/less/account.less",
    "cart/templates/cart/base_cart.html": "cart/less/cart.less",
}


class Counting(Shop):
    """The sample shop with lessc as a program, without bundles and with fewer sheets."""

    def __init__(self, folder):
        super().__init__(folder)
        self.phases = [name for name in BUILD_PHASES if name not in NOT_RUN]
        self.edit("shop/settings.py", lambda text: text + SETTINGS)
        for template, sheet in LEFT_OUT.items():
            self.edit(template, partial(re.sub, rf"<link .*{sheet}.*>\n", ""))

    def calls(self):
        """Return the sheets that lessc was called for since this was asked last."""
        log = self.code / "calls.log"
        lines = log.read_text().split() if log.exists() else []
        log.write_text("")
        return sorted(line.rpartition("/")[2] for line in lines)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    shop = Counting(tmp_path_factory.mktemp("precompilers"))
    shop.deploy()
    assert len(shop.calls()) > 3
    shop.deploy()  # the first flip made links of the project's own files
    shop.calls()
    return shop


def test_an_unchanged_deploy_calls_nothing(shop):
    assert shop.deploy() == []
    assert shop.calls() == []


def test_one_changed_variable_calls_for_its_dependents_alone(shop):
    shop.edit(GLAZES, lambda text: text.replace("charcoal;", "charcoal, mint;"))
    assert "compress" in shop.deploy()
    assert shop.calls() == OF_GLAZES
    assert "mint" in shop.compressed("css")
    assert shop.deploy() == []


def test_what_answered_calls_had_read_counts_as_read_by_the_phase(shop):
    """This compress ran, but lessc did not for these sheets."""
    shop.edit(HOME, lambda text: text + ".new { color: red }\n")
    shop.deploy()
    assert shop.calls() == ["home.less"]
    shop.edit(GLAZES, lambda text: text.replace("mint;", "snow;"))
    shop.deploy()
    assert shop.calls() == OF_GLAZES


def test_a_file_where_one_was_looked_for_is_seen(shop):
    """Lessc looks beside the sheet first, and then in the folder that it runs in."""
    shop.edit(HOME, lambda text: text + '@import (optional) "late";\n')
    shop.deploy()
    shop.calls()
    (shop.code / "late.less").write_text(".late { color: blue }\n")
    shop.deploy()
    assert shop.calls() == ["home.less"]
    assert ".late" in shop.compressed("css")


def test_verifying_calls_all_and_passes(shop):
    shop.deploy(reuse="verify")
    assert len(shop.calls()) > 3


def test_a_mistake_is_told_as_before_and_the_rest_is_kept(shop):
    good = (shop.code / GLAZES).read_text()
    shop.edit(GLAZES, lambda text: text + "a { color: @nope }\n")
    with pytest.raises(BuildError, match="variable @nope is undefined"):
        shop.deploy()
    shop.calls()
    (shop.code / GLAZES).write_text(good)
    shop.deploy()
    assert shop.calls() == []


def test_verifying_names_a_sheet_that_is_made_anew_each_time(shop):
    """It is not answered from then on."""
    chance = "{infile} {outfile}; date +'/*! %N */' >> {outfile}"
    shop.edit("shop/settings.py", lambda text: text.replace("{infile} {outfile}", chance))
    shop.deploy()
    every = shop.calls()
    with pytest.raises(
        BuildError, match=r"made something else of the same files(.|\n)*where: .*/\w+\.less"
    ):
        shop.deploy(reuse="verify")
    shop.calls()
    shop.deploy()
    assert len(shop.calls()) == len(every) > 3
