"""Protocols, methods, metrics, runner, results, statistics, audit and leaderboard."""
