"""Programs that make the models of this folder again."""
