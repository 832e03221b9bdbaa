"""Label Studio: server, project, codec, push, pull, agreement, and the backend that pre-labels."""
