"""Timings of what people wait for, printed and never asserted."""
