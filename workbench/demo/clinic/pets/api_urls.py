from django.urls import path

from pets import api

urlpatterns = [
    path("pets/", api.pets),
    path("pets/<int:pk>/", api.pet),
    path("pets/<int:pk>/checkup/", api.checkup),
    path("visits/", api.book_visit),
    path("visits/<int:pk>/invoice/", api.visit_invoice),
]
