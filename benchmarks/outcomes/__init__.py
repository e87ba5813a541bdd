"""The study of outcomes: random sets and every strategy's picks of many queries, and what they say together."""
