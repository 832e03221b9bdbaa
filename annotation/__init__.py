"""Label Studio: server, project, codec, push, pull, pre-labelling and agreement (nothing lands here yet)."""
