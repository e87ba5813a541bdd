"""What the pages share: state, cached reads, words, colours, charts and controls."""
