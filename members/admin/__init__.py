"""People in the admin. Other apps add to the list and the timeline through `members.admin.extensions`."""

<<<<<<< HEAD
from members.admin import attributes, consents, events, home, member, panels, parked, tags

__all__ = ["attributes", "consents", "events", "home", "member", "panels", "parked", "tags"]
=======
from members.admin import attributes, events, home, member, panels, parked, properties, sources, tags

__all__ = ["attributes", "events", "home", "member", "panels", "parked", "properties", "sources", "tags"]
>>>>>>> 85074c3 (Show sources with their QR codes, recruitment per source, and the registry of events; park what strict events don't allow)
