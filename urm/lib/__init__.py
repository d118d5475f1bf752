"""Pure functions without models, used by several rooms."""
