"""The edges of this app: the REST API, and the public pages behind the links of messages."""
