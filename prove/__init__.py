"""The long proofs, run by `make prove`: many thousand stories, and real processes that are killed."""
