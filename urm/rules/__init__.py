"""The rule language: text to checked tree to SQL to explanation."""
