"""What this app knows of people: who they are, what they allow, what they did."""

from members.privacy import keeping, tables

__all__ = ["keeping", "tables"]
