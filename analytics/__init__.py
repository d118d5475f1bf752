"""KPI roll-ups and dashboards; imported by no app."""
