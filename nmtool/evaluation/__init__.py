"""What networks and artefacts answer to labelled samples, and how far apart two kinds are."""
