"""Edges: REST under /api/v1/ (`urls`); the public survey pages (`page_urls`), whose links are their only key."""
