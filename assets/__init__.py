"""Customers, their sites, the equipment there and its history."""
