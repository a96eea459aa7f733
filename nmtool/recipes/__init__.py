"""Recipes: settings of training, by name; `nmtool.training.recipes` reads them."""
