"""The server that Label Studio asks for pre-labels."""
