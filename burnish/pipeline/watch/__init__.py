"""Windows of the request log beside the examples, and what becomes known of answers later."""
