"""Transports, one folder each (`email`; the others can be added and deleted without touching their siblings), and what
every message needs before it reaches one:

`templating`  parses and renders what staff write, with limits
`variables`   what a template may say about a member; apps register what they know
`outcome`     what became of a message that was handed to a transport

Nothing here knows members, campaigns or the database.
"""
