"""Saved rules: segments, rule-driven tags and lifecycle stages, and who they hold for."""
