"""A site with the usual middleware, and around it nothing, our capture, the floor, or a peer: BENCH_VARIANT says."""

import json
import os
from pathlib import Path

BASE_DIR = Path(os.environ["BENCH_FOLDER"])
VARIANT = os.environ["BENCH_VARIANT"]
SECRET_KEY = "for benchmarks"
DEBUG = False
ALLOWED_HOSTS = ["shop.example", "127.0.0.1"]
ROOT_URLCONF = "bench_urls"
WSGI_APPLICATION = "bench_wsgi.application"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    *(["capture"] if VARIANT == "capture" else []),
]
MIDDLEWARE = [
    *(["capture.middleware.CaptureMiddleware"] if VARIANT == "capture" else []),
    *(["bench_floor.FloorMiddleware"] if VARIANT == "floor" else []),
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "shop.db", "CONN_MAX_AGE": 600}}
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
USE_TZ = True
CAPTURE = {
    "DATABASE_URL": f"sqlite:///{BASE_DIR / 'bugs.db'}",
    "JOURNAL_DIR": BASE_DIR / "journal",
    "RELEASE": "4f2d1c0",
    **json.loads(os.environ.get("BENCH_CAPTURE", "{}")),
}

if VARIANT == "sentry-sdk":
    import sentry_sdk
    from sentry_sdk.transport import Transport

    class ThrownAway(Transport):
        """Takes what is sent and does nothing with it: the cheapest place there is to send to."""

        def capture_envelope(self, envelope):
            """Throw it away."""

    sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", transport=ThrownAway)
