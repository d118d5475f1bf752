from django.urls import path

from urm.jobs.api import jobs

urlpatterns = [
    path("jobs/<int:job_id>", jobs.JobDetail.as_view()),
    path("jobs/<int:job_id>/cancel", jobs.JobCancel.as_view()),
]
