"""django-vite's manifest by itself; test_followed.py has pages, requests and flips."""

SETTINGS = """
INSTALLED_APPS += ["django_vite"]
CLIENT = "fab_static.django_app.vite.Client"
DJANGO_VITE = {"default": {"manifest_path": BASE_DIR / "vite.json", "app_client_class": CLIENT},
               "dev": {"dev_mode": True, "app_client_class": CLIENT}}
"""
MANIFEST = '{"a.ts": {"file": "a.1b.js", "css": ["a.2c.css"], "name": "a"}}'
SHOWN = "from django_vite.templatetags.django_vite import vite_asset, vite_asset_url\n"


def test_assets_are_printed_as_django_vite_prints_them(make_project):
    project = make_project({"vite.json": MANIFEST}, SETTINGS)
    shown = project.python(f"{SHOWN}print(vite_asset('a.ts'), vite_asset_url('a'))")
    assert 'rel="stylesheet" href="/static/a.2c.css"' in shown
    assert shown.strip().endswith("/static/a.1b.js")


def test_an_entry_that_is_missing_is_told_as_django_vite_tells_it(make_project):
    project = make_project({"vite.json": MANIFEST}, SETTINGS)
    done = project.run("-c", f"import django; django.setup()\n{SHOWN}vite_asset('b.ts')")
    assert "DjangoViteAssetNotFoundError: Cannot find b.ts for app=default" in done.stderr


def test_a_server_of_developers_is_asked_as_ever(make_project):
    project = make_project({}, SETTINGS)
    shown = project.python(f"{SHOWN}print(vite_asset_url('a.ts', 'dev'))")
    assert shown.strip() == "http://localhost:5173/static/a.ts"


def test_manage_py_check_still_says_what_is_wrong_with_a_manifest(make_project):
    project = make_project({"vite.json": "{"}, SETTINGS)
    assert "django_vite.W001" in project.run("manage.py", "check").stderr
