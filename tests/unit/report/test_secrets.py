"""A secret is blanked out in every form that programs print it in (fleet D7)."""

import base64
import html
import io
import json
import shlex
import subprocess
import sys
from types import MappingProxyType
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fab_static.report.secrets import Secrets
from fab_static.report.terminal import MOST_LINE, Terminal

SECRETS = {
    "quotes": "it's \"quoted\" 'twice'",
    "backslashes": "C:\\new\\table\\'x\"",
    "lines": "first-line'1\nsecond\"line\\2\n",
    "more than ASCII": "pässwörd…\U0001f600'\"",
    "for URLs": "p@ss/word+with %20&=?#;~",
    "for shells": "$HOME `id` !x * (a) 'b' \"c\" \\",
    "for HTML": "<b>&amp;'\"</b>",
    "plain": "hunter2hunter2",
}
FORMS = {
    "as it is": str,
    "repr": repr,
    "repr beside both quotes": lambda text: repr(f"'{text}\""),
    "repr of a mapping": lambda text: repr({"password": text, "it's": '"'}),
    "repr of bytes": lambda text: repr(text.encode()),
    "ascii": ascii,
    "JSON": lambda text: json.dumps({"password": text}),
    "JSON as it is": lambda text: json.dumps({"password": text}, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "JSON in a repr": lambda text: repr(json.dumps(text)),
    "JSON in a page": lambda text: (
        json.dumps(text)
        .replace("<", "\\u003C")
        .replace(">", "\\u003E")
        .replace("&", "\\u0026")
        .replace("'", "\\u0027")
    ),
    "JSON of PHP": lambda text: json.dumps(text).replace("/", "\\/"),
    "in a query": lambda text: urlencode({"password": text}),
    "in a path": lambda text: quote(text, safe=""),
    "in a path with slashes": quote,
    "in a form": quote_plus,
    "in a URL in lower case": lambda text: quote(text, safe="").replace("%C3", "%c3").lower()
    if text.islower()
    else quote(text),
    "for a shell": shlex.quote,
    "for a shell, as it says by set -x": lambda text: "'" + text.replace("'", "'\\''") + "'",
    "HTML": html.escape,
    "HTML of Jinja": lambda text: html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
    "XML": lambda text: html.escape(text).replace("&#x27;", "&apos;"),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of a line": lambda text: base64.b64encode(text.encode() + b"\n").decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
}  # fmt: skip


def leaked(secret, cleaned):
    """Return the longest run of letters of a secret that still stands in a text."""
    words = ["it's", "quoted", "twice", "new", "table", "first-line", "second", "line", "ssw", "word",
             "with", "HOME", "hunter"]  # fmt: skip
    return [word for word in words if word in secret and word in cleaned]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_blanked_in_every_form(name, form):
    secret = SECRETS[name]
    printed = FORMS[form](secret)
    cleaned = Secrets({"TOKEN": secret}).clean(f"it was {printed}, and no more")
    assert "[TOKEN]" in cleaned
    rest = cleaned.replace("it was", "").replace("it's", "").replace("password", "")
    assert not leaked(secret, rest), cleaned
    assert cleaned.endswith(", and no more")


def test_what_a_shell_says_of_a_secret_is_blanked():
    secret = SECRETS["for shells"]
    for script in (
        "printf '%q' \"$1\"",
        'set -x; : "$1" 2>&1',
        'declare -p | grep -a "^declare -- t="',
    ):
        ran = subprocess.run(
            ["bash", "-c", f"t=$1; {script}", "-", secret],
            capture_output=True,
            text=True,
            check=False,
        )
        cleaned = Secrets({"TOKEN": secret}).clean(ran.stdout + ran.stderr)
        assert "[TOKEN]" in cleaned, script
        assert "HOME" not in cleaned, script


def test_the_traceback_of_a_project_holds_no_secret():
    secret = SECRETS["backslashes"]
    program = "import sys; raise ValueError('cannot log in with %r' % {'password': sys.argv[1]})"
    ran = subprocess.run(
        [sys.executable, "-c", program, secret], capture_output=True, text=True, check=False
    )
    cleaned = Secrets({"TOKEN": secret}).clean(ran.stderr)
    assert "{'password': '[TOKEN]'}" in cleaned


@given(st.text(min_size=8, alphabet=st.characters(exclude_categories=["Cs", "Cc", "Cf"])))
def test_no_secret_survives_a_repr_json_a_url_or_html(secret):
    cleaner = Secrets({"\0": secret})
    for written in (repr, json.dumps, html.escape, shlex.quote, lambda text: quote(text, safe="")):
        if secret.strip():
            assert "\0" in cleaner.clean(written(secret)) or secret in "[\0]"


def test_an_environment_variable_that_is_no_text_is_blanked_in_what_hosts_send_back():
    secret = b"p\xe4ssw\xf6rd".decode("utf-8", "surrogateescape")
    cleaner = Secrets({"TOKEN": secret})
    assert cleaner.clean(b"p\xe4ssw\xf6rd".decode("utf-8", "replace")) == "[TOKEN]"
    assert cleaner.clean(repr(secret)) == "'[TOKEN]'"
    assert cleaner.clean("p%E4ssw%F6rd") == "[TOKEN]"


@pytest.mark.parametrize("secret", ["1", "ab", "x-y", "é"])
def test_a_short_secret_is_blanked_as_a_word_and_tears_no_other_apart(secret):
    cleaner = Secrets({"PIN": secret})
    assert cleaner.clean(f"the pin is {secret}.") == "the pin is [PIN]."
    assert cleaner.clean(f"pin={secret}") == "pin=[PIN]"
    for text in (f"9{secret}9 files", f"_{secret}_", "20261122T170102Z-3f9c1a7b"):
        assert cleaner.clean(text) == text


def test_marks_that_turn_the_direction_of_text_are_removed():
    """`img/\u202egpj.exe` looks like img/exe.jpg."""
    assert Secrets({}).clean("img/\u202egpj.exe\u2066\u200f") == (
        "img/\\u202egpj.exe\\u2066\\u200f"
    )


def test_a_line_without_an_end_is_cut_and_no_half_of_a_secret_is_shown():
    stream = io.StringIO()
    terminal = Terminal({"TOKEN": "hunter2hunter2"}, stream=stream, verbose=True)
    line = b"x" * (MOST_LINE - 7) + b"hunter2hunter2"
    for at in range(0, len(line), 4096):
        terminal.output("build1", line[at : at + 4096])
    for _ in range(100):
        terminal.output("build1", b"y" * 65536)
    assert len(terminal._rest["build1"]) <= MOST_LINE + 1
    terminal.output("build1", b"\nthe next\n")
    text = stream.getvalue()
    assert "hunter2" not in text
    assert text.splitlines()[-2].endswith("x …")
    assert text.endswith("build1: the next\n")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("  hunter22 \n", "hunter22"),
        ("\tBegin\n  key-line-1  \nEnd--\n", "key-line-1"),
        ("hunter'22", "hunter''22"),  # SQL, YAML
        ('hunter"22', 'hunter""22'),  # CSV
        ("hunter%22", "hunter%%22"),  # configparser
        ("hunter$22", "hunter$$22"),  # docker compose, make
        ("postgres://app:hunter22@db.example.com/shop", "hunter22"),
        ("redis://:hunter22@cache:6379/0", "hunter22"),
        ("mysql://app:hunter%2722@db/shop", "hunter'22"),
        ("mysql://app:hunter%2722@db/shop", "hunter%2722"),
        ("postgres://app:hu#nt/er@22@db/shop", "hu#nt/er@22"),  # not as a URL should have it
        ("postgres://app:hunter[22@db/shop", "hunter[22"),
        ("jdbc:postgresql://db/shop?user=app&password=hunter22&ssl=true", "hunter22"),
        ("host=db user=app password=hunter22 dbname=shop", "hunter22"),
        ("host=db password='hunter 22' user=app", "hunter 22"),
        ("Server=db;Uid=app;Pwd=hunter22;", "hunter22"),
        ("  postgres://app:hunter22@db/shop\n", "hunter22"),
    ],
)
def test_what_a_server_names_of_a_secret_is_blanked_too(value, shown):
    """A client prints the value without blanks, doubles its quotes, or names the password in a URL alone."""
    clean = Secrets({"DATABASE_URL": value}).clean(f"password <{shown}> is wrong")
    assert clean == "password <[DATABASE_URL]> is wrong"


def test_a_short_password_in_a_url_tears_no_words():
    secrets = Secrets({"DATABASE_URL": "postgres://app:app@db/shop"})
    assert secrets.clean("the app of the apparatus") == "the app of the apparatus"


def test_what_holds_no_secret_is_not_copied_and_all_else_is():
    """A summary names each file of a release several times."""
    paths, words = ["a.js", "b.js"], ("hunter2", 1)
    given_ = {"paths": paths, "words": words, "map": MappingProxyType({1: "a"})}
    cleaned = Secrets({"PASSWORD": "hunter2"}).clean_all(given_)
    assert cleaned == {"paths": paths, "words": ["[PASSWORD]", 1], "map": {"1": "a"}}
    assert cleaned["paths"] is paths
    assert json.loads(json.dumps(cleaned)) == cleaned
    assert words == ("hunter2", 1)
