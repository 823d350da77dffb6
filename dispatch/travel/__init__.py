"""Driving times from a road router, and places from addresses; both may be away, and planning goes on."""
