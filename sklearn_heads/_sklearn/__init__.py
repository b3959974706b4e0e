"""What scikit-learn does only for itself, only lately, or slowly."""
