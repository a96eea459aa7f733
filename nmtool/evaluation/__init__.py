"""Accuracy and activity of networks and exports on labelled samples, and their differences."""
