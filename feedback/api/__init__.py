"""Edges: REST under /api/v1/ (`urls`), and the public survey pages (`page_urls`), which are open by their links alone."""
