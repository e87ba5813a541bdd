"""One command a file, each with `add`: what can be typed, and what is done.

`add(commands)` declares the command: its name, options and help, the function that does it with what was typed (and
raises UserError for bad input), and what Ctrl-C leaves of it.
"""
