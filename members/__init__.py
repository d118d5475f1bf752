"""Profiles, identities, attributes, tags, consent — and the event log with its front door."""
