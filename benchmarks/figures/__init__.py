"""The figures we publish: grids of runs, worked out run by run, kept as one line each, and the tables made of them."""
