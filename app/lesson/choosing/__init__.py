"""Chapter 4: ten of sixty digits, chosen, bought and measured."""
