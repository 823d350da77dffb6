"""The ground floor: settings, database, unit of work, tenancy, feed, audit, jobs. Knows no business."""
