"""EmbedLab shows what fine-tuning does to an embedding space."""

__version__ = "0.1.0"
