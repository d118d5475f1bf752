"""Messages and campaigns in the admin, and what they add to the members' pages and the home page."""

from campaigns.admin import campaign, members, message

__all__ = ["campaign", "members", "message"]
