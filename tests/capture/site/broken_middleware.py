"""Middleware that fails, rescues and refuses."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.middleware.locale import LocaleMiddleware
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject


class RaisesOnTheWayIn(MiddlewareMixin):
    def process_request(self, request):
        raise LookupError("on the way in")


class RaisesOnTheWayOut(MiddlewareMixin):
    def process_response(self, request, response):
        raise LookupError("on the way out")


class Refuses(MiddlewareMixin):
    def process_request(self, request):
        raise PermissionDenied("closed on Sundays")


class RaisesMissing(MiddlewareMixin):
    def process_request(self, request):
        raise Http404("closed on Sundays")


class Passes(MiddlewareMixin):
    pass


class RedirectsMissing(MiddlewareMixin):
    def process_response(self, request, response):
        return HttpResponseRedirect("/") if response.status_code == 404 else response


class RescuesMissing(MiddlewareMixin):
    def process_response(self, request, response):
        return HttpResponse("a flat page") if response.status_code == 404 else response


class RescuesFaults(MiddlewareMixin):
    def process_exception(self, request, exception):
        return HttpResponse("all is well")


class TurnsFaultsInto400(MiddlewareMixin):
    def process_exception(self, request, exception):
        return HttpResponse("you did it", status=400)


class LoadedUser(MiddlewareMixin):
    def process_request(self, request):
        class User:
            pk = 42

        request._cached_user = User()


class LazyEverything(MiddlewareMixin):
    """Session and user as Django's own middleware gives them: loaded by whoever asks, and that is written down."""

    def process_request(self, request):
        def load(what):
            settings.LOADED.append(what)

        request.session = SimpleLazyObject(lambda: load("session"))
        request.user = SimpleLazyObject(lambda: load("user"))


class Language(LocaleMiddleware):
    pass


class TurnsAllInto503(MiddlewareMixin):
    def process_response(self, request, response):
        return HttpResponse("away", status=503)
