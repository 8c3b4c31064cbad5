"""Anytime-valid tests of the mean of a finite, stratified population that is drawn without replacement."""
