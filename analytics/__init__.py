"""Key figures: daily, weekly and monthly roll-ups of the log, the KPIs read from them, and the pages that show them.

It owns what a workspace means by a purchase and by a lost member (KpiSettings) and every table of roll-ups. It
publishes nothing: no app imports it, and it writes no events. It reads the log behind a cursor of its own; what the
log says about a day that was rolled up already (a late event) makes that day, its week and its months be rolled up
again. A KPI is one file in `queries/kpis/`; deleting the file removes the figure from API, pages and documentation.
"""
