"""Run a fine-tuned language model over the rows of your datasources."""

__version__ = "0.1.0"
