"""Healthy pages, refusals, and hundreds of different faults of seven frames each."""

import bench_shop
from bench_faults import fault
from django.http import HttpResponseNotFound
from django.urls import path

urlpatterns = [
    path("healthy/", bench_shop.healthy),
    path("detail/<int:pk>/", bench_shop.detail),
    path("missing/<int:pk>/", bench_shop.missing),
    path("returned/<int:pk>/", lambda request, pk: HttpResponseNotFound(b"not here")),
    path("form/", bench_shop.form),
    path("fault/<int:number>/<int:pk>/", fault),
]
