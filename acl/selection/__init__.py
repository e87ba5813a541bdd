"""What a query strategy sees, and the Fisher information it is ranked by."""
