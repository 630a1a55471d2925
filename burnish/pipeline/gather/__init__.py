"""From the request log to a queue for people, and from their answers to examples."""
