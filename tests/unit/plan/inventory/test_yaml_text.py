"""An inventory's text is read with libyaml, as quickly as that is, and as PyYAML reads it."""

from pathlib import Path

import yaml

from fab_static.plan.inventory import yaml_text
from fab_static.plan.inventory.yaml_text import load
from tests.documented import fences

ROOT = Path(__file__).parents[4]
ODD = """\
plain: [http://a.b/c#f, 12:30:45, 0o7, 0x1f, 1_000, ~, yes, 2026-11-28, .5]
folded: >-
  one
  two
anchor: &here {one: 1}
merged: {<<: *here, two: 2}
"café \\u2028": "tab\\there"
"""


def test_libyaml_reads_the_same_data_at_the_same_lines(monkeypatch):
    texts = [(ROOT / "inventories" / "example.yml").read_text("utf-8"), ODD]
    texts += [text for _, text in fences("yaml")]
    assert len(texts) > 5
    quick = [load(text, []) for text in texts]
    monkeypatch.setattr(yaml_text, "_Loader", yaml.SafeLoader)
    assert quick == [load(text, []) for text in texts]


def test_what_is_wrong_is_told_in_the_words_of_pyyaml():
    """Libyaml says `in this context`, which is no place."""
    problems = []
    load("app: shop\nhosts: a: b\n", problems)
    assert problems == ["line 2, column 9: it is not YAML: mapping values are not allowed here"]
