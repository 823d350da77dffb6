"""How often one address may knock."""

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

# Counted in Redis where there is one, else in the memory of the process.
limiter = Limiter(get_remote_address, default_limits=[], headers_enabled=True)
