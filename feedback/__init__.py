"""Surveys and their answers.

Owns: surveys with questions in both languages, invitations, responses. Reacts to: whatever event a survey names as its
trigger, for example `purchase`. Publishes: `urm.survey.invited`, `urm.survey.answered`.

Decisions
- An invitation goes out for an event that happened within the last 24 hours; a backfill invites nobody.
- The rest period counts invitations to *any* survey of the workspace: members are asked, not surveys.
- A member is invited when they can be reached by e-mail (address, consent for the survey's purpose, not suppressed),
  which is checked again when the mail is about to go.
- Answering a second time through the same link replaces the first answers, until the link expires. In an anonymous
  survey nobody can find the first answers again, so the second attempt is refused with a clear page.
- Anonymous means: the response knows neither member nor invitation, its time is the local day only, and no event about
  it is written.
- SMTP gives no certainty after a crash: a mail whose answer was lost is `unknown`, shown, and not sent again.
"""
