"""The clinic under test: errors that a test provokes are no production errors, so nothing captures them."""

from clinic.settings import *  # noqa: F403
from clinic.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [app for app in INSTALLED_APPS if app != "capture"]
MIDDLEWARE = [path for path in MIDDLEWARE if not path.startswith("capture.")]
