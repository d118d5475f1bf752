"""API plumbing: keys, errors, pages, idempotency, limits and the OpenAPI document."""
