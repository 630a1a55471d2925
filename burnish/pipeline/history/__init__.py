"""What a workspace holds: where each record came from, who answered when, what may go."""
