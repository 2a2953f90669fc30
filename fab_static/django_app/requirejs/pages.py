"""The main modules that templates name: each is one that a page starts with."""

from __future__ import annotations

from fab_static.django_app import templates
from fab_static.errors import BuildError

TAG = "requirejs_main"


def mains() -> dict[str, str]:
    """Return the main modules that templates name, each with where: {"shop/js/cart": "cart.html:3"}.

    Raises:
        BuildError: a tag whose argument is not a literal; its bundle cannot be known before the page is.
    """
    named: dict[str, str] = {}
    for template in templates.every():
        if TAG not in template.text:
            continue
        for line, arguments in templates.tag_arguments(template, TAG):
            where = f"{template.name}:{line}"
            for argument in arguments[:1]:  # none: the base template's, which only makes room
                if argument[0] not in "\"'" or argument[0] != argument[-1]:
                    raise BuildError(
                        f"{{% {TAG} {argument} %}} names no module in quotes",
                        where=where,
                        mend=f'write the module out: {{% {TAG} "shop/js/cart" %}}',
                    )
                named.setdefault(argument[1:-1], where)
    return named
