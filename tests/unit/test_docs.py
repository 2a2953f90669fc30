"""What the docs say is what the program does."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = sorted((ROOT / "docs" / "json").glob("*.schema.json"))


def test_the_reference_is_what_the_code_says():
    """`make docs` writes it anew."""
    made = subprocess.run(
        [sys.executable, "-c", "import sys; sys.path.insert(0, 'docs'); import generate; "
         "sys.stdout.write(generate.page())"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (ROOT / "docs" / "reference.md").read_text("utf-8") == made.stdout


def test_the_reference_names_every_key_of_the_example():
    page = (ROOT / "docs" / "reference.md").read_text("utf-8")
    example = yaml.safe_load((ROOT / "inventories" / "example.yml").read_text("utf-8"))
    keys = set(example)
    for name in ("ssh", "project", "build", "web", "cdn", "probe", "hooks"):
        keys |= {f"{name}.{key}" for key in example[name]}
    assert not [key for key in keys if f"| `{key}` |" not in page]


@pytest.mark.parametrize("path", SCHEMAS, ids=[path.name for path in SCHEMAS])
def test_a_schema_is_a_schema(path):
    schema = json.loads(path.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)


def test_links_between_pages_lead_somewhere():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert len(pages) > 5
    broken = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not broken
