"""One page for each trap that real deployments of static files fell into: without fab_static it would break here."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from fab_static.django_app import resource_versions


@dataclass(frozen=True)
class Trap:
    """What goes wrong, and what keeps it from happening."""

    slug: str
    title: str
    harm: str
    guard: str


TRAPS = (
    Trap(
        "versions-in-keys",
        "A key of the offline manifest holds the versions",
        "Versions written after compress: this page asks for a key that nobody built, and answers 500.",
        "compress comes last; the gate looks every key up on each web host before anything goes live.",
    ),
    Trap(
        "cdn-in-keys",
        "STATIC_CDN stands in keys and style sheets",
        "Built for one CDN and shipped behind another: missing keys, and pictures from the other CDN.",
        "Promotion names the setting that differs; FAB_STATIC_CDN_IN_BLOCKS = False makes one build for all.",
    ),
    Trap(
        "lost-block",
        "compress ends well with blocks missing",
        "An error while this page's block is rendered is lost in a thread: compress exits 0 without its key.",
        "After compress every block of every template is rendered and looked up; the phase fails by its name.",
    ),
    Trap(
        "one-process",
        "A process reads both manifests once",
        "Files change, this process serves on from what it has read: new pages with old names.",
        "web.reload, and web.running asks each process; or FAB_STATIC_RELOAD follows the live release.",
    ),
    Trap(
        "same-url-new-bytes",
        "An old URL answered with new bytes",
        "An old page asks for ?version=OLD while hosts hold NEW: caches keep the wrong bytes for a month.",
        "Each ?version= is served from a pool of its own bytes; a version nobody has is no-store.",
    ),
    Trap(
        "open-page",
        "A page that stayed open over a deploy",
        "It asks for the CACHE file it was rendered with, which the deploy has removed: 404.",
        "What compress wrote stays, for every release that is kept.",
    ),
    Trap(
        "two-apps",
        "Two apps ship one path",
        "The version of one app's file beside the bytes of the other's: editing it changes no URL.",
        "Versions are of the bytes that are served; the seal audits them and tells of the file passed over.",
    ),
    Trap(
        "other-bundler",
        "The bundler goes, and another comes",
        "A deploy tool that knows one bundler only is left behind with it.",
        "build_requirejs is a phase like any other: build.commands names another, build.phases leaves it out.",
    ),
)


def index(request: HttpRequest) -> HttpResponse:
    """List all traps."""
    return render(request, "traps/index.html", {"traps": TRAPS})


def trap(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one trap, on a page that is in it."""
    for number, each in enumerate(TRAPS, 1):
        if each.slug == slug:
            read = resource_versions.manifests()
            context = {"number": number, "trap": each, "read": read}
            return render(request, f"traps/{slug}.html", context)
    raise Http404(slug)
