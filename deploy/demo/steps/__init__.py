"""The steps of the main job, in order; each is a module with `TITLE` and `run(run, bar, outcome)`."""

from types import ModuleType

from deploy.demo.steps import events, figures, members, points, push, segments, survey

STEPS: tuple[ModuleType, ...] = (members, events, segments, push, points, survey, figures)
