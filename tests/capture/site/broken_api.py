"""The broken site with its APIs: every way in which REST framework and ninja answer an exception themselves."""

from __future__ import annotations

import broken_views as views
from broken_urls import urlpatterns as pages
from django.http import Http404
from django.urls import include, path
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.decorators import api_view
from rest_framework.permissions import BasePermission
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet


class OutOfStock(exceptions.APIException):
    status_code = 409
    default_detail = "none left"


class Challenge(BaseAuthentication):
    def authenticate(self, request):
        return None

    def authenticate_header(self, request):
        return "Token"


class Never(BasePermission, BaseThrottle):
    def has_permission(self, request, view):
        return False

    def allow_request(self, request, view):
        return False


RAISED = {
    "invalid": lambda: exceptions.ValidationError({"name": ["required"]}),
    "not_authenticated": lambda: exceptions.NotAuthenticated(),
    "wrong_token": lambda: exceptions.AuthenticationFailed("wrong token"),
    "denied": lambda: exceptions.PermissionDenied(),
    "missing": lambda: exceptions.NotFound("no such pet"),
    "django_missing": lambda: Http404("no such pet"),
    "throttled": lambda: exceptions.Throttled(wait=3),
    "conflict": lambda: OutOfStock(),
    "broken": lambda: exceptions.APIException("away"),
    "fault": lambda: KeyError("rabbit"),
}


class Raises(APIView):
    authentication_classes = (Challenge,)

    def get(self, request, what):
        raise RAISED[what]()


class Locked(APIView):
    permission_classes = (Never,)

    def get(self, request):
        return Response()


class Slowed(Locked):
    permission_classes = ()
    throttle_classes = (Never,)


class Reads(APIView):
    def post(self, request):
        return Response(request.data, status=422)


class Teapot(APIView):
    """Answers its faults by an exception handler of its own."""

    status = 418

    def get_exception_handler(self):
        return lambda error, context: Response(status=self.status)

    def get(self, request):
        return Response(views.price_of("rabbit"))


class Pets(ViewSet):
    def retrieve(self, request, pk):
        raise exceptions.NotFound


@api_view(["GET"])
def only_get(request):
    return Response("got")


@api_view(["GET"])
def returns(request, status):
    return Response(status=status)


router = SimpleRouter()
router.register("pets", Pets, basename="pets")
rest = [
    path("", include(router.urls)),
    path("raises/<str:what>/", Raises.as_view()),
    path("locked/", Locked.as_view()),
    path("slowed/", Slowed.as_view()),
    path("reads/", Reads.as_view()),
    path("teapot/", Teapot.as_view()),
    path("rescued/", Teapot.as_view(status=200)),
    path("only_get/", only_get),
    path("returns/<int:status>/", returns),
]

ninja = NinjaAPI(docs_url=None, openapi_url=None)


class Full(Exception):
    pass


@ninja.exception_handler(Full)
def full(request, error):
    return ninja.create_response(request, {"full": True}, status=507)


@ninja.get("/fault")
def ninja_fault(request):
    return views.price_of("rabbit")


@ninja.get("/async_fault")
async def ninja_async_fault(request):
    return views.price_of("rabbit")


@ninja.get("/missing")
def ninja_missing(request):
    raise Http404("no such pet")


@ninja.get("/refused")
def ninja_refused(request):
    raise HttpError(409, "closed on Sundays")


@ninja.get("/unknown")
async def ninja_unknown(request):
    raise AuthenticationError


@ninja.get("/full")
def ninja_full(request):
    raise Full


@ninja.get("/typed")
def ninja_typed(request, number: int):
    return number


urlpatterns = [*pages, path("rest/", include(rest)), path("ninja/", ninja.urls)]
