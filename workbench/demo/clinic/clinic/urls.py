from django.urls import include, path

urlpatterns = [
    path("api/", include("pets.api_urls")),
    path("", include("pets.urls")),
]
