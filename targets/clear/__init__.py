"""clear."""
