"""Requests, work orders, visits, promises, sign-off."""
