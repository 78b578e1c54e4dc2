"""Words and pictures from a finished study; computes nothing new."""
