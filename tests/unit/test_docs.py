"""What the docs say is what the program does."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from botocore.session import get_session

from fab_static import api
from fab_static.plan import inventory
from tests.documented import commands, fences

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
PLAIN = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
NO_QUESTION = {"reference", "structure", "how-to"}  # of many questions each
SCHEMAS = sorted((ROOT / "docs" / "json").glob("*.schema.json"))


@pytest.mark.parametrize(
    ("made_by", "name"), [("generate", "reference"), ("structure", "structure")]
)
def test_the_pages_made_from_the_code_are_what_it_says(made_by, name):
    """`make docs` writes them anew."""
    made = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, 'docs'); import {made_by}; "
         f"sys.stdout.write({made_by}.page())"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (ROOT / "docs" / f"{name}.md").read_text("utf-8") == made.stdout


def test_the_picture_of_the_structure_shows_the_rooms_and_their_arrows():
    """Else it could be empty, and equal."""
    page = (ROOT / "docs" / "structure.md").read_text("utf-8")
    folders = {path.parent.name for path in (ROOT / "fab_static").glob("*/__init__.py")}
    assert not [name for name in folders if f'    {name}["{name}/"]\n' not in page]
    assert "    remote --> host\n" in page
    assert "    host --> " not in page  # nothing of ours but itself
    assert "    phases --> host\n" not in page  # the longer way leads there


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


# ---- what the pages show is what the programs take; `fab` is run by tests/integration/test_documented.py

OTHERS = [command for command in commands() if not command.startswith("fab ")]
ELSEWHERE = {  # command -> the test that runs it
    "pip install 'fab-static[deploy]'": "tests/integration/test_package.py, from the wheel",
    "pip install 'fab-static[django]'": "as [deploy]; `make` installs both for these tests",
    "python -m chaos --seeds 1-500 --fleets 2": "tests/integration/test_chaos.py, with fewer seeds",
    "python -m chaos --runners --seeds 1-40": "tests/integration/test_runners_that_do_not_last.py, one of them",
    "python -m chaos --runners --races 50": "tests/integration/test_runners_that_do_not_last.py, two of them",
    "python benchmarks/s3.py": "by hand: minutes, on servers of its own",
    "aws s3 sync": "prose: what the benchmark compares with",
}


def test_every_command_of_another_program_is_held_to_it_or_run_elsewhere():
    held = ("make ", "KEEP=1 make ", "aws cloudfront ")
    assert {one for one in OTHERS if not one.startswith(held)} == ELSEWHERE.keys()


@pytest.mark.parametrize("command", [one for one in OTHERS if "make " in one])
def test_make_knows_what_the_pages_have_it_make(command):
    words = [word for word in shlex.split(command) if word not in ("make", "KEEP=1")]
    subprocess.run(["make", "--dry-run", *words], cwd=ROOT, capture_output=True, check=True)


@pytest.mark.parametrize("command", [one for one in OTHERS if one.startswith("aws cloudfront ")])
def test_cloudfront_knows_the_operations_and_options_that_the_pages_show(command):
    """By Amazon's own model of its API; running them needs an account."""
    _, _, operation, *words = shlex.split(command)
    model = get_session().get_service_model("cloudfront")
    name = operation.title().replace("-", "")
    shape = model.operation_model(name).input_shape
    options = {word[2:].title().replace("-", "") for word in words if word.startswith("--")}
    assert options <= shape.members.keys()
    assert set(shape.required_members) <= options


BASE = """\
app: shop
deploy_to: /srv/shop/static
hosts: {a: {address: 192.0.2.1, roles: [build, static, web]}}
project: {path: /srv/shop/code}
"""


@pytest.mark.parametrize(("page", "text"), fences("yaml"))
def test_every_inventory_that_the_pages_show_is_taken(page, text):
    """Parts are put into a whole one; of a key that is shown twice, each is tried."""
    shown = re.split(r"^(?=distribute:)", text, flags=re.MULTILINE)
    for part in shown if text.count("distribute:") > 1 else [text]:
        given = yaml.safe_load(part) or {}
        assert inventory.parse(
            json.dumps({**yaml.safe_load(BASE), **_whole(given)}), name="staging", source=page
        )


def _whole(given):
    """Return a part with what it needs beside it."""
    if (given.get("distribute") or {}).get("bucket") is None and "distribute" in given:
        return {"origin": {"s3": {"bucket": "shop-static"}}, **given}
    return given


@pytest.mark.parametrize(("page", "text"), fences("python"))
def test_every_python_that_the_pages_show_compiles_and_calls_what_there_is(page, text):
    compile(text, page, "exec")
    called = re.findall(r"session\.(\w+)\(", text)
    assert not [name for name in called if not hasattr(api.Session, name)]


def test_every_json_that_the_pages_show_is_json():
    assert [json.loads(text) for _, text in fences("json")]


def test_the_pages_have_a_row_for_each_setting_and_command_of_the_django_app():
    pages = "".join(
        (ROOT / "docs" / f"{page}.md").read_text("utf-8") for page in ("settings", "build")
    )
    first_cells = "".join(re.findall(r"^\| (`.*?) \|", pages, re.MULTILINE))
    documented = set(re.findall(r"`([A-Z0-9_]+)`", first_cells))
    app = ROOT / "fab_static" / "django_app"
    paths = [*app.rglob("*.py"), app.parent / "host" / "project" / "versions_file.py"]
    paths.append(app.parent / "host" / "project" / "ahead.py")
    code = "".join(path.read_text("utf-8") for path in paths)
    used = set(re.findall(r"""["'](FAB_STATIC_[A-Z_]+|LESS_[A-Z0-9_]+|STATIC_CDN)["']""", code))
    from_environment = {"FAB_STATIC_VERIFY_CACHE"}
    assert documented == used - from_environment
    assert all(name in pages for name in from_environment)

    commands = list(app.glob("management/commands/[a-z]*.py"))
    words = [f"manage.py {path.stem}" for path in commands]
    for path in commands:
        words += re.findall(r'add_argument\(\s*"(--[a-z-]+)"', path.read_text("utf-8"))
    assert "--minify" in words
    assert [word for word in words if f"`{word}" not in pages] == []


# ---- the words


def sentences(text):
    """Return the sentences of a page's prose, each as its words; code, tables and titles have none."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^    .*|^#.*|^\|.*", "", text, flags=re.MULTILINE)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"`[^`]*`", "X", text).replace("**", "")
    found = []
    for part in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )", text):
        part = re.sub(r"^(?:[-*]|\d+\.) ", "", " ".join(part.split()))
        found += re.split(r"(?<=[.!?:]) (?=[A-Z(\"'0-9])", part)
    return [words for each in found if len(words := each.split()) > 1]


def test_the_readme_can_be_read_in_four_minutes():
    assert len((ROOT / "README.md").read_text("utf-8").split()) <= 900


@pytest.mark.parametrize("page", PLAIN, ids=lambda page: page.name)
def test_a_page_is_written_in_short_sentences(page):
    lengths = sorted(map(len, sentences(page.read_text("utf-8"))))
    assert lengths[len(lengths) // 2] <= 15
    assert lengths[len(lengths) * 9 // 10] <= 28


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_answers_the_question_in_its_title(page):
    title = page.read_text("utf-8").partition("\n")[0]
    assert title.endswith("?") or page.stem in NO_QUESTION


def anchors(page):
    """Return the anchors of a page's titles, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *PAGES], ids=lambda page: page.name)
def test_each_link_to_a_page_leads_to_it_and_to_one_of_its_titles(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


# ---- the recording


def test_the_recording_is_small_stands_alone_and_shows_what_is_printed():
    """`make recording` makes it again."""
    picture = (ROOT / "docs" / "deploy.svg").read_text("utf-8")
    assert len(picture) < 200_000
    assert "![" in (ROOT / "README.md").read_text("utf-8").partition("docs/deploy.svg")[0]
    assert not re.findall(
        r'(?:href|src)="(?!#)|url\(|<script', picture
    )  # where README is shown, none is fetched
    words = "".join(re.findall(r">([^<>]+)</text>", picture))
    for shown in (
        "fab staging deploy",
        "compress done in",
        "is live on staging",
        "rolling back to",
    ):
        assert shown in words
    assert str(Path.home()) not in picture
    assert "/tmp/" not in picture
