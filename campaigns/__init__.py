"""Messages to members: what is written, to whom it goes and when, and what became of each.

Owns      Message (the text), Campaign (who, what, when), Run (one firing of it), Delivery (one decision per member),
          Link (what click addresses lead to)
Publishes urm.message.sent · failed · opened · clicked · unsubscribed
Reacts to nothing in the log yet; reads members, segments and the message variables that other apps register

A run's deliveries are decided by one statement, once. Sending claims them in batches, writes the fence before handing
over, and marks what became of each: see actions/sending.py.
"""
