"""The app's entry in INSTALLED_APPS: `fab_static.django_app`."""

from django.apps import AppConfig


class FabStaticConfig(AppConfig):
    """Gives the project its tags and management commands; it has no models."""

    name = "fab_static.django_app"
    label = "fab_static"
    verbose_name = "fab_static"
