"""The processes of one training: which devices they use, how they are started, and how they are told to stop."""
