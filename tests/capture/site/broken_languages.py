import broken_views as views
from django.conf.urls.i18n import i18n_patterns
from django.urls import path

urlpatterns = [
    path("en-pets/<int:pk>/", views.missing),
    *i18n_patterns(path("pets/<int:pk>/", views.missing)),
]
