"""The subset of regular expressions that PostgreSQL and Python read alike: literals, `.`, classes, groups, `|`,
`? * + {m,n}` and the anchors `^` and `$`. Everything else is refused, so a stored pattern never fails when it runs."""

from __future__ import annotations

from django.utils.translation import gettext as _

MAX_LENGTH = 200
_MAX_REPEAT = 100
# What a pattern may unfold to: nested repeats multiply, and PostgreSQL gives up on the very large ones.
_MAX_UNFOLDED = 1000
_SPECIAL = frozenset(".[]()|?*+{}^$\\")


class PatternError(ValueError):
    """Why a pattern was refused."""


def refuse_unportable(pattern: str) -> None:
    """Raise PatternError, naming the position, unless the pattern is inside the subset."""
    if len(pattern) > MAX_LENGTH:
        raise PatternError(_("a pattern has at most %(limit)s characters") % {"limit": MAX_LENGTH})
    reader = _Reader(pattern)
    reader.alternatives()
    if reader.at < len(pattern):
        reader.refuse()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def refuse(self) -> None:
        raise PatternError(
            _("“%(part)s” at position %(position)s is not supported; use literals and . [ ] ( ) | ? * + {m,n} ^ $")
            % {"part": self.text[self.at : self.at + 3], "position": self.at + 1}
        )

    def alternatives(self) -> int:
        size = self.branch()
        while self.peek() == "|":
            self.at += 1
            size += self.branch()
        return size

    def branch(self) -> int:
        size, empty = 0, True
        while (char := self.peek()) and char not in "|)":
            empty = False
            if char in "^$":
                self.at += 1
                if self.peek() and self.peek() in "?*+{":
                    self.refuse()
                continue
            size += self.atom() * self.repeat()
            if size > _MAX_UNFOLDED:
                raise PatternError(_("the repeats in this pattern multiply to more than it may match"))
        if empty:
            self.refuse()
        return size

    def atom(self) -> int:
        char = self.peek()
        if char == "(":
            self.at += 1
            size = self.alternatives()
            if self.peek() != ")":
                self.refuse()
            self.at += 1
            return size
        if char == "[":
            self.bracket()
        elif char == "\\":
            self.at += 1
            if self.peek() not in _SPECIAL | {"-", "/"} or not self.peek():
                self.at -= 1
                self.refuse()
            self.at += 1
        elif char in _SPECIAL and char != ".":
            self.refuse()
        else:
            self.at += 1
        return 1

    def bracket(self) -> None:
        self.at += 1
        if self.peek() == "^":
            self.at += 1
        if self.peek() == "]":
            self.refuse()
        while self.peek() != "]":
            low = self.member()
            if self.peek() == "-":
                self.at += 1
                start = self.at
                if self.member() < low:
                    self.at = start
                    self.refuse()
        self.at += 1

    def member(self) -> str:
        char = self.peek()
        if not char or char in "[]-^&~|":
            self.refuse()
        self.at += 1
        if char == "\\":
            char = self.peek()
            if not char or char.isalnum():
                self.refuse()
            self.at += 1
        return char

    def repeat(self) -> int:
        char = self.peek()
        times = 1
        if char and char in "?*+":
            self.at += 1
        elif char == "{":
            end = self.text.find("}", self.at)
            low, comma, high = self.text[self.at + 1 : max(end, self.at)].partition(",")
            if not (low.isascii() and low.isdigit() and (not high or (high.isascii() and high.isdigit()))):
                self.refuse()
            times = int(high or low)
            if times > _MAX_REPEAT or int(low) > times or (comma and not high and int(low) > _MAX_REPEAT):
                self.refuse()
            self.at = end + 1
        else:
            return 1
        if self.peek() and self.peek() in "?*+{":
            self.refuse()
        return max(times, 1)
