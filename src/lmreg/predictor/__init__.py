"""Predictors: they rank architectures by what is cheap to know and by a few stand-alone trainings."""
