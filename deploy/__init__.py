"""Everything around the platform: embedded services, images, the demo, benchmarks and capacity.

`run.py` imports `cli`, `paths`, `environment`, `requirements`, `checks`, `launcher` and `services` before anything is
installed: these use the standard library only.
"""
