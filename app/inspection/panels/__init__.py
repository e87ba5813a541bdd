"""Below the gallery of the Inspect page: one panel a file, each worked out when it is chosen."""
