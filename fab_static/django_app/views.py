"""What a web process tells of itself: path("static-release", fab_static.django_app.views.running)."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse

from fab_static.django_app import resource_versions


def running(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - Django's signature
    """Answer which release this process has read: files flip at once, processes when they are reloaded."""
    answer = JsonResponse({"release": resource_versions.release()})
    answer["Cache-Control"] = "no-store"
    return answer
