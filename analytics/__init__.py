"""Read-only questions over the rooms below."""
