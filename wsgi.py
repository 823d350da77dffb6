"""The web process: `gunicorn wsgi:app`."""

import os

from api.app import create_app, start_jobs
from core.settings import SettingsError

try:
    app = create_app()
except SettingsError as error:
    # The sentence, and not the way by which it was reached.
    raise SystemExit(f"Fieldwright cannot start: {error}") from None

# The command line and the reloader's parent import this too; only a server works the queue.
if "gunicorn" in os.environ.get("SERVER_SOFTWARE", ""):
    start_jobs(app)
