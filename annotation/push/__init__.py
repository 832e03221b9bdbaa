"""From a round to tasks in Label Studio."""
