"""Workspaces, staff, roles and keys — and the guards that keep one workspace from seeing another.

Owns the platform tables (named in `catalogue.PLATFORM_TABLES`), the tenant context, `TenantModel`, the database
backend, the migration operation that puts a table under row-level security, and the wake-ups that start work.
"""
