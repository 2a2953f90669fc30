"""A front end with lazy routes, each of which says of which release it is."""

from __future__ import annotations

from collections.abc import Mapping

ROUTES = ("account", "cart", "search")
UNDECLARED = "shared/label.js"  # imported, and in no `reads`
PAGE = """\
<!doctype html><title>shop</title><link rel="icon" href="data:,">
{buttons}<p id="said"></p>
{{% include "base.html" %}}
"""
ENTRY = """\
import {{ label }} from "../shared/label.js";
console.log(label);
const routes = {{{routes}}};
for (const button of document.querySelectorAll("button"))
  button.onclick = async () => {{
    (await routes[button.id]()).show(document.querySelector("#said"));
  }};
document.documentElement.dataset.ready = "yes";
"""
ROUTE = 'export const show = (said) => {{ said.textContent = "{route} of release {release}"; }};\n'


def files(release: int) -> Mapping[str, str]:
    """Return the front end's files: all its routes are others in each release."""
    lazy = ", ".join(f'{route}: () => import("./{route}.js")' for route in ROUTES)
    return {
        "frontend/main.js": ENTRY.format(routes=lazy),
        UNDECLARED: 'export const label = "shop";\n',
        **{f"frontend/{route}.js": ROUTE.format(route=route, release=release) for route in ROUTES},
        "shop/templates/page.html": PAGE.format(
            buttons="".join(f'<button id="{route}">{route}</button>' for route in ROUTES)
        ),
    }
