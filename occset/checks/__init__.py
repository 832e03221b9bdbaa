"""`occset check`: reading a set again and saying what does not hold."""
