import broken_views as views
from django.conf.urls.i18n import i18n_patterns
from django.urls import path

urlpatterns = i18n_patterns(path("pets/<int:pk>/", views.missing), prefix_default_language=False)
