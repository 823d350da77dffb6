"""The web process: `gunicorn wsgi:app`."""

import os

from api.app import create_app, start_jobs

app = create_app()

# The command line and the reloader's parent import this too; only a server works the queue.
if "gunicorn" in os.environ.get("SERVER_SOFTWARE", ""):
    start_jobs(app)
