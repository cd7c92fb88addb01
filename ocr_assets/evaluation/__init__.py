"""Evaluation: how good a model is, by benchmarks read from their published files, with statistics that say how sure that is."""
