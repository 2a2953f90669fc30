"""Every {% compress %} block that stands in a template is accounted for: built, or refused by name."""

import pytest

from fab_static.plan import coverage
from fab_static.plan.coverage_cures import cures
from tests.unit.host.project.test_probe import (
    JINJA2,
    make_built,
    make_project,
)

__all__ = ["make_built", "make_project"]  # fixtures

LOAD = "{% load compress tags %}"
TAGS = """
import datetime, itertools, uuid
from django import template

register = template.Library()
counter = itertools.count()


class Panel(template.Node):  # its body is in no list that compress walks through
    def __init__(self, body):
        self.body = body

    def render(self, context):
        return self.body.render(context)


@register.tag
def panel(parser, token):
    body = parser.parse(("endpanel",))
    parser.delete_first_token()
    return Panel(body)


@register.tag
def scripts(parser, token):  # makes compressor's node itself
    from compressor.templatetags.compress import CompressorNode

    body = parser.parse(("endscripts",))
    parser.delete_first_token()
    return Panel(CompressorNode(body, "js"))


@register.simple_block_tag
def box(content):
    return content


@register.simple_tag
def token():
    return uuid.uuid4().hex


@register.simple_tag
def count():
    return next(counter)


@register.simple_tag
def year():
    return datetime.date.today().year
"""
APP = {
    "src/app/__init__.py": "",
    "src/app/templatetags/__init__.py": "",
    "src/app/templatetags/tags.py": TAGS,
    "templates/fine.html": "{% load compress %}{% compress js %}<script>var fine;</script>{% endcompress %}",
}
INSTALLED = "INSTALLED_APPS += ['app']\n"
SEKIZAI_TAGS = """
from django import template

register = template.Library()


@register.tag
def render_block(parser, token):  # as django-sekizai's, the rest of the template is its body
    return Rest(parser.parse())


class Rest(template.Node):
    def __init__(self, nodelist):
        self.nodelist = nodelist
"""


@pytest.fixture
def make_compressed(make_project):
    """A project whose blocks were built: they hold their scripts, so that nothing need be collected."""

    def make(files, settings=INSTALLED):
        project = make_project({**APP, **files}, settings)
        project.manage("compress", "-v0")
        return project

    return make


def block(text):
    return "{% compress js %}<script>TEXT</script>{% endcompress %}".replace("TEXT", text)


def asked(project, **words):
    return project.answer("coverage", manifest=None, **words)


# --- blocks that compress does not find (build A5) ---


def test_a_block_in_a_tag_that_compress_does_not_look_into_is_refused(make_compressed):
    """(build A5): the gate walked as compress walks, and every such page answered 500."""
    pages = {
        "{% panel %}": ("{% panel %}", "{% endpanel %}"),
        "{% box %}": ("{% box %}", "{% endbox %}"),
        "{% if 1 %}": ("{% panel %}{% if 1 %}", "{% endif %}{% endpanel %}"),
        "{% scripts %}": ("{% scripts %}", "{% endscripts %}"),  # makes compressor's node itself
    }
    files = {
        f"templates/{n}.html": LOAD + "\n" + before + block(f"var n{n};") + after
        for n, (before, after) in enumerate(pages.values())
    }
    files["templates/3.html"] = LOAD + "\n{% scripts %}<script>var n3;</script>{% endscripts %}"
    answer = asked(make_compressed({**APP, **files}, INSTALLED))
    assert not coverage.is_covered(answer)
    assert coverage.problems(answer) == [
        f"{n}.html, line 2: compress does not find the block in {tag}; it renders as\n"
        f"  <script>var n{n};</script>"
        for n, tag in enumerate(pages)
    ]
    assert cures(answer) == (
        "move each block that compress does not find into a template of its own, and {% include %} "
        "that where the block stood"
    )


def test_the_cure_for_a_block_that_compress_does_not_find_cures(make_compressed):
    files = {
        "templates/page.html": LOAD + "{% panel %}{% include 'hidden.html' %}{% endpanel %}",
        "templates/hidden.html": LOAD + block("var hidden;"),
    }
    answer = asked(make_compressed({**APP, **files}, INSTALLED))
    assert (coverage.is_covered(answer), coverage.advice(answer)) == (True, [])


def test_a_hidden_block_whose_text_is_built_elsewhere_is_covered(make_compressed):
    hidden = "{% panel %}" + block("var fine;") + "{% endpanel %}"
    answer = asked(make_compressed({**APP, "templates/page.html": LOAD + hidden}, INSTALLED))
    assert coverage.is_covered(answer)
    assert answer["blocks"] == 2


def test_a_hidden_block_that_fails_is_refused_with_its_error(make_compressed):
    files = {
        "templates/page.html": LOAD + "{% panel %}" + block("{% include gone %}") + "{% endpanel %}"
    }
    told = coverage.problems(asked(make_compressed({**APP, **files}, INSTALLED)))
    assert len(told) == 1
    assert told[0].startswith(
        "page.html, line 1: compress does not find the block in {% panel %}, and it fails while it is "
        "rendered: "
    )


def test_what_no_page_can_ask_for_is_no_gap(make_compressed):
    """Django renders nothing of a child template outside of its parents' blocks."""
    files = {
        "templates/base.html": "{% block body %}{% endblock %}",
        "templates/page.html": "{% extends 'base.html' %}{% load compress tags %}"
        + block("var outside;")
        + "{% panel %}"
        + block("var hidden;")
        + "{% endpanel %}{% block gone %}"
        + block("var gone;")
        + "{% endblock %}",
    }
    assert coverage.is_covered(asked(make_compressed({**APP, **files}, INSTALLED)))


def test_a_childs_block_within_a_hidden_block_of_its_parent_is_a_gap(make_compressed):
    files = {
        "templates/base.html": LOAD + "{% panel %}{% block body %}{% endblock %}{% endpanel %}",
        "templates/page.html": "{% extends 'base.html' %}{% load compress %}{% block body %}"
        + block("var child;")
        + "{% endblock %}",
    }
    (gap,) = asked(make_compressed({**APP, **files}, INSTALLED))["passed_over"]
    assert (gap["template"], gap["tag"]) == ("page.html", "{% block body %}")


# Django has partials since 6.0; a tag that keeps them as Django does stands for them before that
PARTIALS = """
from django import template

register = template.Library()


class Nothing(template.Node):
    def render(self, context):
        return ""


@register.tag
def partialdef(parser, token):
    name = token.split_contents()[1]
    body = parser.parse(("endpartialdef",))
    parser.delete_first_token()
    partials = parser.__dict__.setdefault("extra_data", {}).setdefault("partials", {})
    partials[name] = body
    return Nothing()
"""


def test_a_partial_of_a_child_template_is_asked_for_by_its_own_name(make_compressed):
    """Django 6: render(request, "page.html#cart")."""
    files = {
        "src/app/templatetags/partials.py": PARTIALS,
        "templates/base.html": "{% block body %}{% endblock %}",
        "templates/page.html": "{% extends 'base.html' %}{% load compress partials %}"
        "{% partialdef cart %}" + block("var cart;") + "{% endpartialdef %}",
    }
    (gap,) = asked(make_compressed({**APP, **files}, INSTALLED))["passed_over"]
    assert (gap["template"], gap["tag"]) == ("page.html", "{% partialdef cart %}")


def test_sekizai_that_has_compressor_look_up_whole_pages_is_refused(make_compressed):
    """(build A5): what a page adds is known when it is rendered, and no sooner."""
    own = (
        "from compressor.contrib import sekizai\n"
        "from compressor.contrib.sekizai import compress\n"
        "def calls_it(context, data, name):\n    return compress(context, data, name)\n"
        "def imports_it(context, data, name):\n"
        "    from compressor.contrib.sekizai import compress as other\n"
        "    return other(context, data, name)\n"
        "def does_not(context, data, name):\n    return data\n"
    )
    processors = {
        "base": "compressor.contrib.sekizai.compress",
        "calls": "app.own.calls_it",
        "does_not": "app.own.does_not",
        "imports": "app.own.imports_it",
    }
    files = {
        f"templates/{name}.html": "{% load sekizai_tags %}\n{% block body %}{% endblock %}"
        f'{{% render_block "css" postprocessor "{path}" %}}'
        for name, path in processors.items()
    }
    files["src/app/own.py"] = own
    files["src/app/templatetags/sekizai_tags.py"] = SEKIZAI_TAGS
    answer = asked(make_compressed({**APP, **files}, INSTALLED))
    assert not coverage.is_covered(answer)
    assert coverage.problems(answer) == [
        f'{name}.html, line 2: {{% render_block "css" postprocessor "{processors[name]}" %}} has compressor '
        "look up the text that each page puts together, and compress builds no such text"
        for name in ("base", "calls", "imports")
    ]
    assert cures(answer) == (
        "take the processor out, and compress where the files are named: {% addtoblock … %}"
        "{% compress … %}…{% endcompress %}{% endaddtoblock %}"
    )


def test_comments_hold_no_block_in_a_template_that_does_not_parse(make_compressed):
    text = (
        "{% nothing %}{% comment %}{% compress js %}{% endcomment %}{# {% compress js %} #}"
        "{% verbatim %}{% compress js %}{% endverbatim %}"
    )
    (broken,) = asked(make_compressed({**APP, "templates/page.html": text}, INSTALLED))["broken"]
    assert not broken["has_compress"]


def test_a_template_that_is_not_utf_8_is_refused_where_it_holds_a_block(make_compressed):
    """(build B): it was said to hold none."""
    project = make_compressed(APP, INSTALLED)
    text = LOAD + block("é")
    for name in ("latin-1.html", "latin-1.xhtml", "utf-16.html"):
        path = project.path / "templates" / name
        path.write_bytes(text.encode(path.stem))
    (project.path / "templates/plain.html").write_bytes(b"\xe9")
    answer = asked(project)
    for told in coverage.problems(answer):
        assert " does not parse, and holds a compress block: UnicodeDecodeError: 'utf-8' " in told
    assert [told.split()[0] for told in coverage.problems(answer)] == [
        "latin-1.html",
        "latin-1.xhtml",
        "utf-16.html",
    ]
    assert cures(answer) == "correct the templates that fail; save them as UTF-8"
    assert [line.split(":")[0] for line in coverage.advice(answer)] == [
        "plain.html does not parse, and holds no compress block"
    ]


# --- what a block depends on beyond the offline context (build A6) ---


LOOKED_FOR = {
    "{% if request.GET.staff %}x{% endif %}": "request.GET.staff",
    "{% include 'part.txt' %}": "user.staff",
    "{% for x in things %}{{ x }}{% endfor %}": "things",
    "{% with a=b.c %}{{ a }}{% endwith %}": "b.c",
    "{% if given == 1 %}{{ night }}{% endif %}": "night",
    "{% blocktranslate %}hello {{ who }}{% endblocktranslate %}": "who",
    "{% firstof nobody 'x' %}": "nobody",
    "{% csrf_token %}": "csrf_token",
    "{{ nothing|default:'x' }}": "nothing",
    "{% flattened %}": "request",
    "{% flattened_item %}": "request",
    "{% part_of_flattened %}": "who",
    "{% attribute %}": "request",
    "{% attribute_asked_for %}": "request",
}
LOOKING = """

@register.simple_tag(takes_context=True)
def flattened(context):
    return "a" if context.flatten().get("request") else "b"


@register.simple_tag(takes_context=True)
def flattened_item(context):
    try:
        return context.flatten()["request"]
    except KeyError:
        return "b"


@register.simple_tag(takes_context=True)
def part_of_flattened(context):
    from django.template.loader import render_to_string

    return render_to_string("who.txt", context.flatten())


@register.simple_tag(takes_context=True)
def attribute(context):  # a RequestContext has it
    return "a" if getattr(context, "request", None) else "b"


@register.simple_tag(takes_context=True)
def attribute_asked_for(context):
    return "a" if hasattr(context, "request") else "b"
"""
CONTEXTS = "COMPRESS_OFFLINE_CONTEXT = [{'given': 1, 'empty': ''}, {'given': 2, 'empty': ''}]\n"


def numbered(texts):
    return {
        f"templates/{n}.html": "{% load i18n compress tags %}\n" + block(text)
        for n, text in enumerate(texts)
    }


def test_each_look_up_that_fails_is_told_whatever_looks(make_project):
    """(build A6): only {{ variables }} were looked at, and /?staff=1 answered 500."""
    files = {
        "src/app/templatetags/tags.py": TAGS + LOOKING,
        "templates/part.txt": "{% if user.staff %}x{% endif %}",
        "templates/who.txt": "{% for x in 'a' %}{{ x }}{{ who }}{% endfor %}",
        **numbered(LOOKED_FOR),
    }
    answer = asked(make_project({**APP, **files}, INSTALLED + CONTEXTS))
    assert coverage.advice(answer) == sorted(
        f"{n}.html, block 0, line 2: no offline context gives {name}: a page that does gets "
        "OfflineGenerationError; name it in COMPRESS_OFFLINE_CONTEXT, or keep it out of the block"
        for n, name in enumerate(LOOKED_FOR.values())
    )


def test_a_block_that_fails_without_a_variable_is_refused_with_the_cure(make_compressed):
    """A filter's argument that is not there is an error, which compress does not tell."""
    answer = asked(
        make_compressed({**APP, **numbered(["{{ given|add:other }}"])}, INSTALLED + CONTEXTS)
    )
    assert [gap["template"] for gap in answer["failed"]] == ["0.html", "0.html"]
    assert cures(answer) == (
        "correct the templates that fail; or give what they look for in COMPRESS_OFFLINE_CONTEXT"
    )


def test_there_is_no_false_alarm(make_compressed):
    texts = [
        "{% for i in 'ab' %}{{ forloop.counter }}{% if not forloop.last %},{% endif %}{% endfor %}",
        "{% for i in 'ab' %}{% cycle 'x' 'y' %}{% ifchanged i %}{{ i }}{% endifchanged %}{% endfor %}",
        "{% load static %}{% static 'a.js' %}{{ STATIC_URL }}{% static 'b.js' as url %}{{ url }}",
        "{% get_current_language as code %}{{ code }}",
        "{{ given }}{% if given %}{{ given.real }}{% endif %}{% with given as g %}{{ g }}{% endwith %}",
        "{% if given is None %}{% endif %}{{ empty|default:given }}",
        "{% lorem 2 w %}{% spaceless %}<b> </b>{% endspaceless %}",
    ]
    child = "{% extends 'base.html' %}{% block inner %}{{ block.super }}/* child */{% endblock %}"
    files = {
        "templates/base.html": LOAD + block("{% block inner %}var base;{% endblock %}"),
        "templates/child.html": child,
        **numbered(f"var n{n}; {text}" for n, text in enumerate(texts)),
    }
    answer = asked(make_compressed({**APP, **files}, INSTALLED + CONTEXTS), made=True)
    assert (coverage.problems(answer), coverage.advice(answer)) == ([], [])


def test_what_one_offline_context_gives_is_given(make_project):
    page = LOAD + block("{% if theme %}{{ night }}{% endif %}")
    contexts = "COMPRESS_OFFLINE_CONTEXT = [{'theme': 1, 'night': 2}, {}, {'theme': 2}]\n"
    answer = asked(make_project({**APP, "templates/page.html": page}, INSTALLED + contexts))
    assert coverage.advice(answer) == []


def test_a_block_of_many_pages_is_told_once(make_project):
    files = {f"templates/{n}.html": "{% extends 'base.html' %}" for n in range(5)}
    base = LOAD + "{% block b %}{% endblock %}" + block("{{ request.csp_nonce }}{% now 'Y' %}")
    answer = asked(make_project({**APP, **files, "templates/base.html": base}, INSTALLED))
    assert len(coverage.advice(answer)) == 2


CHANGING = {
    "{% now 'Y-m-d' %}": "asks the clock (datetime.now)",
    "{% now 'Y' as y %}{% if y == '2' %}{% endif %}": "asks the clock (datetime.now)",
    "{% year %}": "asks the clock (date.today)",
    "{% token %}": "asks for a random value",
    "{{ 'abcdefghijklmnop'|random }}": "asks for a random value",
    "{% lorem 1 w random %}": "asks for a random value",
    "{% count %}": "renders another text each time",
}


def test_a_block_that_never_renders_the_same_twice_is_told(make_project):
    """(build A6): the dated one failed the next day."""
    answer = asked(make_project({**APP, **numbered(CHANGING)}, INSTALLED))
    assert coverage.advice(answer) == [
        f"{n}.html, block 0, line 2 {words}: its text is another one later, and pages get "
        "OfflineGenerationError then; keep it out of the block"
        for n, words in enumerate(CHANGING.values())
    ]


def test_clocks_that_change_no_text_are_not_told(make_project):
    """A log line is written with the time, and a cache asks whether its entries are old."""
    tag = (
        "\nimport logging\nfrom django.core.cache import cache\n@register.simple_tag\ndef quiet():\n"
        "    logging.getLogger('x').warning('here')\n    cache.set('a', 1)\n    return cache.get('a')\n"
    )
    files = {
        "src/app/templatetags/tags.py": TAGS + tag,
        "templates/page.html": LOAD + block("{% quiet %}"),
    }
    assert coverage.advice(asked(make_project({**APP, **files}, INSTALLED))) == []


# --- what stands around a block ---


AROUND = [
    ("{% for y in 'ab' %}BLOCK{% endfor %}", "y", "for"),
    ("{% for x in 'ab' %}BLOCK{% endfor %}", "forloop.counter", "for"),
    ("{% with a='x' b='y' %}{% if b %}BLOCK{% endif %}{% endwith %}", "a", "with"),
    ("{% load i18n %}{% get_current_language as LG %}BLOCK", "LG", "get_current_language"),
    ("{% load static %}{% static 'a.js' as url %}{% if 1 %}BLOCK{% endif %}", "url", "static"),
]


def around(rows):
    return {
        f"{n}.html": page.replace("BLOCK", block(f"var n{n}; {{{{ {name} }}}}"))
        for n, (page, name, _) in enumerate(rows)
    }


def test_a_variable_that_is_set_outside_of_the_block_is_refused(make_compressed):
    """A block is rendered alone by compress; each page asks for another key, and answers 500."""
    files = {f"templates/{name}": LOAD + page for name, page in around(AROUND).items()}
    answer = asked(make_compressed({**APP, **files}, INSTALLED))
    assert not coverage.is_covered(answer)
    assert coverage.problems(answer) == [
        f"{n}.html, block 0, line 1 uses {name}, which {{% {tag} %}} outside of the block sets: compress "
        "renders the block alone, without it"
        for n, (_, name, tag) in enumerate(AROUND)
    ]
    assert coverage.advice(answer) == []
    assert cures(answer) == (
        "set these variables within the block, or give their values in COMPRESS_OFFLINE_CONTEXT"
    )


# tags that change a block's text and set no variable, what they hold, and what pages render
SURROUNDED = [
    ("{% autoescape off %}", "{{ amp }}", "{% endautoescape %}", "&"),
    ("{% language 'de' %}", "{% translate 'Yes' %}", "{% endlanguage %}", "Ja"),
    ("{% localize off %}", "{{ pi }}", "{% endlocalize %}", "3500"),
    ("{% timezone 'Asia/Tokyo' %}", "{{ day|date:'H' }}", "{% endtimezone %}", "21"),
    ("{% localtime off %}", "{{ day|date:'H' }}", "{% endlocaltime %}", "12"),
    ("{% for i in 'ab' %}", "{% cycle 'x' 'y' %}", "{% endfor %}", "y"),
    ("{% for i in unknown %}", "{% cycle 'x' 'y' %}", "{% endfor %}", "y"),
    ("{% for i in 'ab' %}", "{% ifchanged %}x{% endifchanged %}", "{% endfor %}", ""),
    ("{% cycle 'x' 'y' as row %}", "{% cycle row %}", "", "y"),
    ("{% loud %}", "{{ amp|upper_if_loud }}", "{% endloud %}", "LOUD"),
    ("{% with pi=9 %}", "{{ pi }}", "{% endwith %}", "9"),
]
LOUD = """

loud_now = []


class Loud(template.Node):
    def __init__(self, nodelist):
        self.nodelist = nodelist

    def render(self, context):
        loud_now.append(1)
        try:
            return self.nodelist.render(context)
        finally:
            loud_now.pop()


@register.tag
def loud(parser, token):
    nodelist = parser.parse(("endloud",))
    parser.delete_first_token()
    return Loud(nodelist)


@register.filter
def upper_if_loud(value):
    return "LOUD" if loud_now else "quiet"


@register.inclusion_tag("part.html")
def part(amp):
    return {"amp": amp}
"""
FORMATS = """
import datetime
USE_L10N = USE_TZ = USE_THOUSAND_SEPARATOR = True
TIME_ZONE = "Europe/Berlin"
COMPRESS_OFFLINE_CONTEXT = {
    "amp": "&", "pi": 3500, "day": datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.timezone.utc)
}
"""


def test_a_tag_around_the_block_that_changes_its_text_is_refused(make_compressed):
    """The gate passed, and every such page answered 500."""
    load = "{% load compress tags i18n l10n tz %}"
    files = {
        f"templates/{n:02}.html": load
        + before
        + "{% if 1 %}"
        + block(f"{n} {held}")
        + "{% endif %}"
        + after
        for n, (before, held, after, _) in enumerate(SURROUNDED)
    }
    files["src/app/templatetags/tags.py"] = TAGS + LOUD
    answer = asked(make_compressed(files, INSTALLED + FORMATS))
    assert not coverage.is_covered(answer)
    assert coverage.problems(answer) == [
        f"{n:02}.html, block 0, line 1 is another text within {held if 'row' in held else before}, and compress renders the block alone; "
        f"pages render it as\n  <script>{n} {text}</script>"
        for n, (before, held, _, text) in enumerate(SURROUNDED)
    ]
    assert cures(answer) == ("write within each block the tags that change its text, not around it")


@pytest.mark.parametrize(
    ("between", "after"),
    [
        ("{% for i in unknown %}", "{% endfor %}"),
        ("{% with y=unknown %}", "{% endwith %}"),
        ("{% cycle 'a' 'b' as row %}", ""),
    ],
)
def test_so_is_one_that_is_told_through_a_tag_that_needs_data(make_compressed, between, after):
    page = "{% load compress %}{% autoescape off %}" + between + block("{{ amp }}") + after
    files = {"templates/a.html": page + "{% endautoescape %}"}
    answer = asked(make_compressed(files, INSTALLED + FORMATS))
    assert coverage.problems(answer) == [
        "a.html, block 0, line 1 is another text within {% autoescape off %}, and compress renders the "
        "block alone; pages render it as\n  <script>&</script>"
    ]


def test_a_tag_around_the_block_that_changes_nothing_is_no_gap(make_compressed):
    """What it needs of a page, nobody knows here; the cure, the tag within the block, is no gap either."""
    texts = [
        "{% autoescape off %}" + block("n0 {{ pi }}") + "{% endautoescape %}",
        block("n1 {% autoescape off %}{{ amp }}{% endautoescape %}"),
        "{% for i in 'ab' %}" + block("n2 {% cycle 'x' 'x' %}") + "{% endfor %}",
        "{% for i in '' %}{% empty %}" + block("n3 {% cycle 'x' 'y' %}{{ i }}") + "{% endfor %}",
        "{% language page.code %}" + block("n4 {% translate 'Yes' %}") + "{% endlanguage %}",
        "{% with pi=page.pi %}" + block("n5 {{ pi }}") + "{% endwith %}",
        "{% for pi in page.all %}" + block("n6 {{ pi }}") + "{% endfor %}",
        "{% loud %}" + block("n7") + "{% endloud %}",
        "{% spaceless %}{% filter upper %}"
        + block("n8 {{ amp }}")
        + "{% endfilter %}{% endspaceless %}",
        "{% cache 9 a %}{% ifchanged pi %}"
        + block("n9 {{ amp }}")
        + "{% endifchanged %}{% endcache %}",
        "{% cycle 'x' 'y' as row %}" + block("n10 {% resetcycle row %}{% cycle row %}"),
        "{% for i in 'ab' %}{% include 'part.html' %}{% endfor %}",
        "{% for i in 'ab' %}" + block("n12 {% count %}") + "{% endfor %}",
        "{% asking %}" + block("n13 {{ pi }}") + "{% endasking %}",
    ]
    asking = """

class Asking(Loud):
    def render(self, context):
        from django.core.cache import cache
        from django.db import connection

        cache.set("asked", "cache")
        connection.cursor()
        raise SystemError


@register.tag
def asking(parser, token):
    nodelist = parser.parse(("endasking",))
    parser.delete_first_token()
    return Asking(nodelist)
"""
    files = {
        f"templates/{n:02}.html": "{% load compress tags i18n cache %}" + text
        for n, text in enumerate(texts)
    }
    files["templates/part.html"] = LOAD + block("n11 {% cycle 'x' 'y' %}")  # begins anew each time
    files["src/app/templatetags/tags.py"] = TAGS + LOUD + asking
    answer = asked(make_compressed(files, INSTALLED + FORMATS))
    assert (answer["failed"], answer["surrounded"]) == ([], [])
    assert coverage.problems(answer) == []


INCLUDES = [
    ("{% for amp in 'ab' %}{% include 'part.html' %}{% endfor %}", "a"),
    ("{% with amp='x' %}{% include 'part.html' %}{% endwith %}", "x"),
    ("{% include 'part.html' with amp='x' %}", "x"),
    ("{% include 'part.html' only %}", ""),
    ("{% autoescape off %}{% include 'over.html' %}{% endautoescape %}", "&"),
    ("{% include 'over.html' with amp='x' %}", "x"),
    ("{% extends 'base.html' %}{% block b %}{% include 'part.html' %}{% endblock %}", "&"),
    ("{% load tags %}{% part 'x' %}", "x"),
]


@pytest.mark.parametrize(("page", "text"), INCLUDES)
def test_what_surrounds_an_include_surrounds_its_blocks(make_compressed, page, text):
    """The gate only looked at what stands around a block in its own template."""
    files = {
        "src/app/templatetags/tags.py": TAGS + LOUD,
        "templates/part.html": LOAD + "{% if 1 %}" + block("{{ amp }}") + "{% endif %}",
        "templates/over.html": "{% include './part.html' %}",
        "templates/base.html": "{% autoescape off %}{% block b %}{% endblock %}{% endautoescape %}",
        "templates/page.html": page,
    }
    (told,) = coverage.problems(asked(make_compressed(files, INSTALLED + FORMATS)))
    assert told.startswith("part.html, block 0, line 1 is another text within {% ")
    assert told.endswith(f"pages render it as\n  <script>{text}</script>")


def test_what_is_set_around_an_include_is_set_for_its_blocks(make_compressed):
    """It was advised on, and went live: pages answered 500."""
    files = {
        f"templates/{name}.html": LOAD + block(f"{name} {{{{ {name} }}}}")
        for name in ("item", "wide", "given", "apart")
    }
    files["templates/over.html"] = "{% include 'item.html' %}"
    files["templates/page.html"] = (
        "{% load static %}{% for item in things %}{% include 'over.html' %}{% endfor %}"
        "{% with wide=page.wide %}{% include 'wide.html' %}{% endwith %}"
        "{% static 'a.js' as given %}{% include 'given.html' %}"
        "{% for apart in things %}{% include 'apart.html' only %}{% endfor %}"
    )
    answer = asked(make_compressed({**APP, **files}, INSTALLED))
    assert coverage.problems(answer) == [
        f"{name}.html, block 0, line 1 uses {name}, which {{% {tag} %}} outside of the block sets: compress "
        "renders the block alone, without it"
        for name, tag in (("given", "static"), ("item", "for"), ("wide", "with"))
    ]
    assert [told.split(",")[0] for told in coverage.advice(answer)] == ["apart.html"]


def test_templates_that_escape_nothing_are_refused(make_compressed):
    """What compress renders is escaped always; TEMPLATES may say that pages do not."""
    page = LOAD + block("{{ amp }}")
    settings = (
        INSTALLED + FORMATS + "TEMPLATES[0].setdefault('OPTIONS', {})['autoescape'] = False\n"
    )
    answer = asked(make_compressed({**APP, "templates/page.html": page}, settings))
    (told,) = coverage.problems(answer)
    assert 'is another text within "autoescape": False in TEMPLATES, and compress' in told


def test_values_that_offline_contexts_give_for_a_loop_are_covered(make_compressed):
    page = LOAD + "{% for y in 'ab' %}" + block("{{ y }}") + "{% endfor %}"
    contexts = "COMPRESS_OFFLINE_CONTEXT = [{'y': 'a'}, {'y': 'b'}]\n"
    answer = asked(make_compressed({**APP, "templates/page.html": page}, INSTALLED + contexts))
    assert coverage.is_covered(answer)


def test_what_a_tag_sets_for_itself_alone_is_not_set_for_a_block_behind_it(make_project):
    page = (
        "{% load i18n compress %}{% blocktranslate with who=me %}{{ who }}{% endblocktranslate %}"
        "{% include 'part.html' with who='x' %}{% translate 'known as who' %}"
        "{% with who='y' %}{% endwith %}{% for who in 'ab' %}{% endfor %}" + block("{{ who }}")
    )
    files = {"templates/page.html": page, "templates/part.html": ""}
    answer = asked(make_project({**APP, **files}, INSTALLED))
    assert [(gap["variables"], gap["set_by"]) for gap in answer["unfilled"]] == [(["who"], {})]


def test_a_variable_that_an_include_gives_is_refused(make_compressed):
    files = {
        "templates/part.html": LOAD + block("{{ theme }}{{ user.id }}"),
        "templates/page.html": "{% include 'part.html' with theme='dark' %}",
    }
    answer = asked(make_compressed({**APP, **files}, INSTALLED))
    assert [told.split(":")[0] for told in coverage.problems(answer)] == [
        "part.html, block 0, line 1 uses theme, which {% include %} outside of the block sets"
    ]
    assert [told.split(":")[1] for told in coverage.advice(answer)] == [
        " no offline context gives user.id"
    ]


# --- Jinja2 ---


ENVIRONMENT = """
import datetime, random, jinja2

def environment(**options):
    made = jinja2.Environment(**options)
    made.autoescape = lambda name: name is None or name != "raw.html"
    made.globals.update(amp="&", now=datetime.datetime.now, chance=random.random, site="shop")
    return made
"""


@pytest.fixture
def make_jinja2(make_project):
    def make(files):
        options = JINJA2.replace('"OPTIONS": {', '"OPTIONS": {"environment": "env.environment", ')
        files = {f"jinja/{name}": text for name, text in files.items()}
        project = make_project(
            {"templates/x.html": "", "src/env.py": ENVIRONMENT, **files},
            options + "COMPRESS_OFFLINE_CONTEXT = {'given': {}}\n",
        )
        project.manage("compress", "--engine", "jinja2", "-v0")
        return project

    return make


AROUND_IN_JINJA2 = [
    ("{% macro script(name) %}BLOCK{% endmacro %}{{ script('a') }}", "name", "macro"),
    ("{% set v = 1 %}BLOCK", "v", "set"),
    ("{% set v %}x{% endset %}{% if 1 %}BLOCK{% endif %}", "v", "set"),
    ("{% for q in [1] %}BLOCK{% endfor %}", "q", "for"),
    ("{% with w = 1 %}BLOCK{% endwith %}", "w", "with"),
    (
        "{% macro m() %}{{ caller(1) }}{% endmacro %}{% call(u) m() %}BLOCK{% endcall %}",
        "u",
        "call",
    ),
    ("{% import 'm.txt' as lib %}BLOCK", "lib", "import"),
    ("{% from 'm.txt' import part as p %}BLOCK", "p", "from"),
]


def test_what_jinja2_sets_outside_of_the_block_is_refused(make_jinja2):
    answer = asked(make_jinja2({**around(AROUND_IN_JINJA2), "m.txt": "{% set part = 1 %}"}))
    assert coverage.problems(answer) == [
        f"{n}.html, block 0, line 1 uses {name}, which {{% {tag} %}} outside of the block sets: compress "
        "renders the block alone, without it"
        for n, (_, name, tag) in enumerate(AROUND_IN_JINJA2)
    ]


def test_jinja2s_autoescape_around_a_block_is_refused(make_jinja2):
    """A block is built alone, and as a template without a name."""
    page = "{% autoescape VALUE %}{% if 1 %}BLOCK{% endif %}{% endautoescape %}"
    pages = {
        f"{n}.html": page.replace("VALUE", value).replace("BLOCK", block(f"var n{n}; {text}"))
        for n, (value, text) in enumerate(
            [("false", "{{ amp }}"), ("true", "{{ amp }}"), ("false", "x")]
        )
    }
    answer = asked(make_jinja2({**pages, "raw.html": block("var raw; {{ amp }}")}))
    assert [(gap["template"], gap["tag"]) for gap in answer["surrounded"]] == [
        ("0.html", "{% autoescape false %}"),
        ("raw.html", "the environment's autoescape"),
    ]


def test_what_is_set_around_a_jinja2_include_is_set_for_its_blocks(make_jinja2):
    pages = {
        "page.html": "{% set active = 1 %}{% for item in things %}{% include 'over.html' %}{% endfor %}"
        "{% for apart in things %}{% include 'apart.html' without context %}{% endfor %}",
        "over.html": "{% include ['none.html', 'part.html'] %}",
        "part.html": block("{{ item }}{{ active }}"),
        "apart.html": block("{{ apart }}"),
        "child.html": "{% extends 'base.html' %}{% set title = 1 %}",
        "base.html": block("{{ title }}"),
    }
    answer = asked(make_jinja2(pages))
    assert [(gap["template"], gap["set_by"]) for gap in answer["unfilled"]] == [
        ("apart.html", {}),
        ("base.html", {"title": "set"}),
        ("part.html", {"active": "set", "item": "for"}),
    ]


def test_what_a_jinja2_block_depends_on_is_told_in_its_includes_too(make_jinja2):
    looks = (
        "{% if staff %}x{% endif %}{% for t in things %}{{ t }}{% endfor %}{{ given.color }}{{ site }}"
        "{% include 'part.txt' %}{% set own = 1 %}{{ own }}{{ other|default('x') }}"
    )
    texts = [looks, "{{ now().year }}", "{{ chance() }}", "{{ range(100)|random }}"]
    pages = {f"{n}.html": block(f"var n{n}; {text}") for n, text in enumerate(texts)}
    answer = asked(make_jinja2({**pages, "part.txt": "{{ hidden }}"}))
    (told,) = answer["unfilled"]
    assert told["variables"] == [".color", "hidden", "other", "staff", "things"]
    assert [told.split(":")[0] for told in coverage.advice(answer)][1:] == [
        "1.html, block 0, line 1 asks the clock (datetime.now)",
        "2.html, block 0, line 1 asks for a random value",
        "3.html, block 0, line 1 asks for a random value",
    ]


def test_a_jinja2_template_that_is_not_utf_8_is_refused(make_jinja2):
    project = make_jinja2({"page.html": block("var fine;")})
    (project.path / "jinja/latin.html").write_bytes(block("é").encode("latin-1"))
    assert [(each["template"], each["has_compress"]) for each in asked(project)["broken"]] == [
        ("latin.html", True)
    ]


# --- what compress made ---


def test_what_is_lost_or_leads_nowhere_in_what_compress_made_is_told(make_built):
    """(build B): nobody looked into the files that pages get."""
    files = {
        "assets/css/site.css": '@import "part.css";\nb{background:url(gone.png)}i{background:url(ok.png)}'
        "u{background:url(data:,x)}s{background:url(https://example.com/x.png)}p{fill:url(#a)}",
        "assets/css/part.css": "p{color:red}",
        "assets/css/ok.png": "",
        "assets/css/two.css": "@import url(part.css);i{color:blue}",
        "templates/page.html": LOAD + "\n{% compress css %}"
        '<link rel="stylesheet" href="/static/css/site.css" crossorigin="anonymous" media="all">'
        '<link rel="stylesheet" href="/static/css/two.css" media="all">{% endcompress %}\n'
        '{% compress js %}<script type="module" src="/static/a.js" defer></script>{% endcompress %}\n'
        "{% compress css inline %}<style>a{b:url(/static/none.png)}</style>{% endcompress %}",
    }
    answer = asked(make_built({**APP, **files}, INSTALLED), made=True)
    assert coverage.is_covered(answer)
    (css,) = {gap["file"] for gap in answer["made"] if gap["file"]}
    assert css.startswith("CACHE/css/output.")
    (late,) = [gap["name"] for gap in answer["made"] if gap["what"] == "late"]
    assert late.startswith("/static/css/part.css")
    place = "page.html, block 0, line 2"
    assert sorted(coverage.advice(answer)) == sorted(
        [
            f'{place}: what compress made of it has no crossorigin="anonymous" of <link>; keep that element '
            "out of the block",
            f'{place}: {css} holds @import "part.css", and there is no such file; write it as url() with a '
            "path from its own stylesheet, or link to that file in the block",
            f"{place}: {css} holds url(/static/css/gone.png), and there is no such file; correct it in its "
            "stylesheet",
            f'{place}: {css} holds @import "{late}" after other rules, where browsers ignore it; link to '
            "that file in the block instead",
            'page.html, block 1, line 3: what compress made of it has no type="module" of <script>; keep '
            "that element out of the block",
            "page.html, block 2, line 4: what compress made of it holds url(/static/none.png), and there is "
            "no such file; correct it in its stylesheet",
        ]
    )


def test_attributes_that_change_nothing_are_not_told(make_built):
    elements = [
        '<script type="text/javascript" src="/static/a.js" async></script>',
        "<script src='/static/b.js' charset=utf-8 defer></script>",
        "<script>var module = '<b type=module>'</script>",
    ]
    page = LOAD + "".join("{% compress js %}" + each + "{% endcompress %}" for each in elements)
    answer = asked(make_built({**APP, "templates/page.html": page}, INSTALLED), made=True)
    assert answer["made"] == []
