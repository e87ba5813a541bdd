"""How plug-ins are found and called, whose answers are checked, and which settings each uses."""
