"""Readers of the log. Each owns a cursor per tenant, moved in the transaction that holds its effects: an effect
happens exactly once, whatever dies.

An app's `consumers.py` subclasses `Consumer` and calls `register_consumer(MyConsumer())`; its AppConfig.ready imports
that module. Order of running is order of registration, which is the order of INSTALLED_APPS.
"""

from members.consumers.log import Consumer, LoggedEvent, RangeReader, Reaction, reactions, register_consumer, replay

__all__ = ["Consumer", "LoggedEvent", "RangeReader", "Reaction", "reactions", "register_consumer", "replay"]
