"""Put the rooms together: every process that changes rows imports this once.

Listeners and documents are found by being imported; a process without them would lose jobs.
"""

import dispatch.jobs
import dispatch.upkeep  # noqa: F401 - declares jobs
import parts.jobs  # noqa: F401 - declares jobs
import sync.jobs  # declares jobs
import sync.scopes  # noqa: F401 - registers the documents of the feed
import work.jobs  # noqa: F401 - declares jobs
