"""One file per KPI; importing this package registers them all. Deleting a file takes its figure away, nothing else."""

import pkgutil
from importlib import import_module

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
