"""From tasks in Label Studio to labels and cut-outs of the set."""
