"""The REST API of this app: parse, call an action or query, render."""
