"""The settings of the broken site, for processes of their own."""

import json
import os
from pathlib import Path

BASE_DIR = Path(os.environ["BROKEN_SITE_DIR"])
SECRET_KEY = "for tests"
DEBUG = False
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
ROOT_URLCONF = os.environ.get("BROKEN_SITE_URLS", "broken_urls")
INSTALLED_APPS = ["capture"]
MIDDLEWARE = ["capture.middleware.CaptureMiddleware", "django.middleware.common.CommonMiddleware"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "broken_templates"],
    }
]
DATABASES = {}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
USE_TZ = True
CAPTURE = json.loads(os.environ.get("BROKEN_SITE_CAPTURE", "{}"))
