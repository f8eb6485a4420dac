"""The settings of a small site that fails on request, for processes of their own."""

import json
import os
from pathlib import Path

BASE_DIR = Path(os.environ["FAULTY_SITE_DIR"])
SECRET_KEY = "for tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "faulty_urls"
INSTALLED_APPS = ["capture"]
MIDDLEWARE = ["capture.middleware.CaptureMiddleware", "django.middleware.common.CommonMiddleware"]
DATABASES = {}
USE_TZ = True
DATA_UPLOAD_MAX_MEMORY_SIZE = None
LOGGING_CONFIG = None
CAPTURE = json.loads(os.environ["FAULTY_SITE_CAPTURE"])

if milliseconds := os.environ.get("FAULTY_SITE_BUSY_MS"):
    from capture.store import engine

    engine.BUSY_TIMEOUT_MS = int(milliseconds)
