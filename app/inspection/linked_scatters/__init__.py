"""Two scatters of the same samples, linked in the browser: a component of our own."""
