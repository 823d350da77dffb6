"""The offline door: push, pull, receipts, conflicts."""
