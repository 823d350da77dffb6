"""Organisations, accounts, technicians, devices, sign-in, permissions."""
