"""Weight-sharing neural architecture search with landmark regularisation."""
