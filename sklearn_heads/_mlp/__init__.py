"""One family of networks, from fit to predict: reading, labels, members, training."""
