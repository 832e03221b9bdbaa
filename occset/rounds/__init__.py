"""Rounds: score, pick, label, merge, retrain, with a ledger of why, who and what changed."""
