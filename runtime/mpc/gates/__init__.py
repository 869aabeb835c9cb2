"""Gates: pieces of protocol, each with its dealer's part and its online part."""
