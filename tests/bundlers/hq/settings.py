from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent
SECRET_KEY = "x"
ALLOWED_HOSTS = ["*"]
DEBUG = False
INSTALLED_APPS = [
    "django.contrib.staticfiles",
    "compressor",
    "statici18n",
    "corehq.apps.hqwebapp",
    "corehq.apps.cases",
    "corehq.apps.users",
    "fab_static.django_app",  # in place of HQ's own resource_static and fix_less_imports_collectstatic
]
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
ROOT_URLCONF = "urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "compressor.finders.CompressorFinder",
]
COMPRESS_ENABLED = COMPRESS_OFFLINE = True
COMPRESS_CSS_HASHING_METHOD = "content"
COMPRESS_PRECOMPILERS = [
    ("text/less", "node_modules/.bin/lessc {infile} {outfile}"),
    ("text/x-scss", "node_modules/.bin/sass --no-source-map {infile} {outfile}"),
]
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "German")]
LOCALE_PATHS = [BASE_DIR / "locale"]
