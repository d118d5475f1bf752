"""Saved rules: segments, rule-driven tags and lifecycle stages, and who they hold for.

Owns: segments with their static lists, tag rules, stages, and the history of who entered and left what and why. Writes
what holds into the members' state rows. Reacts to: members marked dirty, and the passing of time. Publishes:
`urm.segment.entered`, `urm.segment.left`, `urm.stage.changed`; of rule-driven tags `urm.tag.added`, `urm.tag.removed`.

Decisions
- All rules of a workspace are computed in one pass over the members concerned. Tags and stages that a rule reads are
  inlined as the rules that drive them, so one pass is enough and a second one changes nothing.
- A new or edited rule is filled silently: the history gets its rows, but no events are published. Otherwise saving a
  segment would start every trigger that waits for somebody to enter it.
- A rule that no longer checks, say because an attribute it reads is gone, keeps its members as they are and says so.
"""
