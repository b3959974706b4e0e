"""The compiled core: kernels and the network. Knows no scikit-learn and no class labels."""
