"""Who changed what: one append-only entry per write by staff, key or system."""
