"""Trains the 18-word model in ``models/speech`` again: ``python -m models.training.speech``."""
