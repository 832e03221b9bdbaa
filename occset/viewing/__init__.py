"""Looking at a set, and at what a bench measured, in FiftyOne's App; and what was edited there brought back."""
