"""How a Label Studio is talked to: addresses, requests, lists of tasks."""
