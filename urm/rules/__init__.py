"""The rule language: JSON in, a checked tree, SQL for many members, words for people, reasons for one member.

An app adds to the language by declaring in its `facts.py`; nothing here knows any app."""

from urm.rules.check import check
from urm.rules.compiler import Compiled, compile_rules, matching_members
from urm.rules.errors import Problem, RuleError
from urm.rules.explain import Explanation, explain
from urm.rules.facts import Fact, Parameter, Variant, declare, facts
from urm.rules.limits import load
from urm.rules.names import Entry, Names, declare_names
from urm.rules.operands import Elapsed, Operand, Ratio, Scope
from urm.rules.plan import Plan, Population, declare_population
from urm.rules.schema import json_schema
from urm.rules.tree import Rule
from urm.rules.words import words

__all__ = [
    "Compiled",
    "Elapsed",
    "Entry",
    "Explanation",
    "Fact",
    "Names",
    "Operand",
    "Parameter",
    "Plan",
    "Population",
    "Problem",
    "Ratio",
    "Rule",
    "RuleError",
    "Scope",
    "Variant",
    "check",
    "compile_rules",
    "declare",
    "declare_names",
    "declare_population",
    "explain",
    "facts",
    "json_schema",
    "load",
    "matching_members",
    "words",
]
