"""The app's entry in INSTALLED_APPS: `fab_static.django_app`."""

from django.apps import AppConfig
from django.conf import settings
from django.core import signals


class FabStaticConfig(AppConfig):
    """Gives the project its tags and management commands; it has no models."""

    name = "fab_static.django_app"
    label = "fab_static"
    verbose_name = "fab_static"

    def ready(self) -> None:
        """Follow the live release without a restart, where the project wants it."""
        if getattr(settings, "FAB_STATIC_RELOAD", False):
            from fab_static.django_app import reload

            signals.request_started.connect(reload.begin, dispatch_uid="fab_static.reload")
            signals.request_finished.connect(reload.end, dispatch_uid="fab_static.reload")
