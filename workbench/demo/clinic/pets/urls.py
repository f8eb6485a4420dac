from django.urls import path

from pets import views

urlpatterns = [
    path("", views.home, name="home"),
    path("pets/<int:pk>/", views.pet, name="pet"),
    path("owners/", views.owners, name="owners"),
    path("owners/new/", views.new_owner, name="new-owner"),
    path("owners/<int:pk>/", views.owner, name="owner"),
]
