"""Django's PostgreSQL backend, telling every transaction which tenant it works for."""
