from django.urls import path

from urm.jobs.api import files, jobs

urlpatterns = [
    path("jobs/<int:job_id>", jobs.JobDetail.as_view()),
    path("jobs/<int:job_id>/cancel", jobs.JobCancel.as_view()),
    path("files/<int:file_id>", files.FileDetail.as_view()),
]
