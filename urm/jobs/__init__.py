'''Long work in the background: jobs with progress, a cancel button and a result. The contract for whoever has some.

A job is a row (`urm.jobs.models.Job`). Its kind is registered once, at start, in an app's `tasks.py`::

    from urm.jobs.kinds import JobError, register_job

    @register_job(
        "members.recount", label=_("Recount"), view="members.view", change="members.change",
        url=lambda job: reverse("admin:members_member_changelist"),       # where its people look at it; optional
        on_end=forget_the_plan,                                           # after done, failed and cancelled; optional
    )
    def recount(job: Job) -> bool:
        """Do the next slice; True while there is more."""
        ids = next_thousand(after=job.position.get("after", 0))
        …                                                                 # the effects of the slice
        job.position["after"], job.done = ids[-1], job.done + len(ids)
        job.say(gettext_noop("%(n)s members recounted"), n=job.done)
        return len(ids) == 1000

and started by an action, inside the action's own transaction where there is one::

    from urm.jobs.actions import start_job

    job = start_job(kind="members.recount", label="VIP", parameters={"segment": 7}, total=52_000)

What holds
    - **Each step runs in one transaction**, which also saves `position`, `done`, `total`, `message` and `result`: a
      worker killed in the middle leaves nothing of its step, and the next one goes on after the last. So nothing is
      lost and nothing is done twice, as long as a step writes only to the database, or writes to the outside what it
      would write again just so (a file under the same name). Keep a step under two seconds or so.
    - One worker at a time steps a job (an advisory lock for the transaction); jobs of a workspace take turns.
    - A step works in the tenant's context and in the name of whoever started the job (`urm.audit.actor`).
    - `total` may be None while it is unknown. `parameters` are what was asked for and never change.
    - `cancel_job()` is asked for at any time and holds from the next step on; what was done stays, and `on_end` may
      undo it or tell. A step that takes long may look at `job.is_cancel_requested()` and return early.
    - `raise JobError(gettext_noop("The file has no column %(name)s."), name=…)` ends the job as failed, with words for
      people. Anything else that is raised is tried again twice, a little later, and then ends it as failed, without
      details. `retry_job()` lets a failed job go on where it stopped.
    - Texts given to `say()` and JobError are English sources from the catalogue (`gettext_noop`) with `%(name)s` for
      values: they are translated when they are read.
    - `view` and `change` are the capabilities to see the job and to cancel it. Whoever started it may cancel it too.

Files that a job reads or writes: `urm.jobs.files`; a repeated step writes a part under the same name again.

Where it shows: the list *Jobs*, `GET /api/v1/jobs/{id}`, and in any page: `{% load jobs %}{% job_progress job %}`.
Nothing here talks to the broker; without it the sweep of `urm.tenancy.work` starts the step within a minute.
'''
