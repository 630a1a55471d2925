"""The deploy room: files that take a tuned model to containers, clusters and clouds."""
