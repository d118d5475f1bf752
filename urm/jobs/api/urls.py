from django.urls import path

from urm.jobs.api import exports, files, jobs

urlpatterns = [
    path("exports", exports.ExportList.as_view()),
    path("exports/<int:export_id>", exports.ExportDetail.as_view()),
    path("jobs/<int:job_id>", jobs.JobDetail.as_view()),
    path("jobs/<int:job_id>/cancel", jobs.JobCancel.as_view()),
    path("files/<int:file_id>", files.FileDetail.as_view()),
]
