"""The export room: a run's weights in the form an engine wants, proved equal to the run."""
