"""From images to features and probabilities."""
