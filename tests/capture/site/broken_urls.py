import broken_views as views
from django.urls import include, path, re_path

api = [
    path("pets/<int:pk>/", views.missing),
    path("async-pets/<int:pk>/", views.async_missing),
    re_path(r"^owners/(?P<slug>[\w-]{1,20})/$", lambda request, slug: views.missing(request, slug)),
]

urlpatterns = [
    path("", views.healthy),
    path("api/", include(api)),
    path("reset/<str:token>/", lambda request, token: views.missing(request, 1)),
    path("returns/<int:status>/", views.returns),
    path("refuses/<str:name>/", views.refuses),
    path("async_refuses/<str:name>/", views.async_refuses),
    path("async_page/", views.AsyncPage.as_view()),
    *[
        path(f"{view.__name__}/", view)
        for view in (
            views.fault,
            views.async_fault,
            views.other_fault,
            views.chained,
            views.unprocessable,
            views.forbidden,
            views.bad,
            views.suspicious,
            views.only_get,
            views.guarded,
            views.lazy_template,
            views.template,
            views.streaming,
            views.async_streaming,
            views.told_streaming,
            views.async_told_streaming,
            views.told_missing,
            views.told_forbidden,
            views.gone_client,
            views.gone_uploader,
            views.members,
            views.lost_backend,
            views.lost_backend_in_body,
            views.endless,
            views.async_endless,
            views.waits,
            views.cancelled,
            views.file,
            views.by_hand,
            views.by_hand_then_fault,
            views.says,
            views.with_sensitive,
            views.async_with_sensitive,
            views.reads_body,
            views.reads_form,
            views.sensitive_form,
            views.secret_form,
            views.reads_stream,
            views.ignores_body,
        )
    ],
]
