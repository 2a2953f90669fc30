import json

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Tell webpack where STATIC_ROOT is."

    def handle(self, **options):
        folder = settings.BASE_DIR / "webpack/_build"
        folder.mkdir(exist_ok=True)
        text = json.dumps({"staticfilesPath": str(settings.STATIC_ROOT)})
        (folder / "settings.json").write_text(text)
