"""A believable company for the first day, and the import of a real one."""
