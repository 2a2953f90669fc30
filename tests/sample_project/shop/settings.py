"""Settings of the sample shop.

What an operator may set, by environment variable:

STATIC_CDN     where browsers fetch static files, scheme and host without a slash; "" is this site itself
SECRET_KEY     Django's; the default is for development only
SHOP_COMPRESS  "0" serves the sources: LESS is compiled as a page is asked for, nothing is bundled
SHOP_DEBUG     "1" shows tracebacks and serves static files from the sources; follows SHOP_COMPRESS
SHOP_LESS      "lessc" compiles LESS by lessc's own command, a process a sheet, for comparison
SHOP_LOSE      "1" lets the block of /traps/lost-block/ fail where it is rendered
SHOP_RELEASE   free text that /health repeats

There is no database: a cart lives in the browser, products are in catalog/products.py.
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = os.environ.get("SECRET_KEY", "only-for-development-not-a-secret")
COMPRESS = os.environ.get("SHOP_COMPRESS", "1") != "0"
DEBUG = os.environ.get("SHOP_DEBUG", "0" if COMPRESS else "1") == "1"
ALLOWED_HOSTS = ["*"]
INTERNAL_IPS = ["127.0.0.1"]  # who has {{ debug }} in templates, while DEBUG is on

INSTALLED_APPS = [
    "django.contrib.staticfiles",
    "compressor",
    "statici18n",
    "fab_static.django_app",
    "shop",
    "catalog",
    "cart",
    "account",
    "labs.styleguide",
    "labs.traps",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
            ]
        },
    }
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("fr", "Français"), ("pl", "Polski")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"

STATIC_CDN = os.environ.get("STATIC_CDN", "")
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "node_modules"]
STATICFILES_FINDERS = [
    "shop.finders.NodePackagesFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "compressor.finders.CompressorFinder",
]

COMPRESS_ENABLED = COMPRESS
COMPRESS_OFFLINE = COMPRESS
COMPRESS_URL = STATIC_CDN + STATIC_URL
LESSC = f"node {BASE_DIR}/node_modules/less/bin/lessc {{infile}} {{outfile}}"
LESS_FILTER = "fab_static.django_app.less.LessFilter"
COMPRESS_PRECOMPILERS = [
    ("text/less", LESSC if os.environ.get("SHOP_LESS") == "lessc" else LESS_FILTER),
]
COMPRESS_FILTERS = {
    "css": [
        "compressor.filters.css_default.CssAbsoluteFilter",
        "compressor.filters.cssmin.rCSSMinFilter",
    ],
    "js": ["compressor.filters.jsmin.rJSMinFilter"],
}
COMPRESS_CSS_HASHING_METHOD = "content"  # the default, mtime, gives other names on every build
COMPRESS_OFFLINE_CONTEXT = "labs.styleguide.themes.offline_contexts"

FAB_STATIC_CACHE = (
    BASE_DIR / ".cache"
)  # the default is in the home folder: copies shall not share it
