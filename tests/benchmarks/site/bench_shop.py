"""The views of the benchmarks' site."""

from django.contrib.auth.models import Group, User
from django.http import Http404, HttpResponse


def healthy(request):
    """Answer at once."""
    return HttpResponse(b"fine")


def detail(request, pk):
    """Answer with a page of some queries."""
    user = User.objects.get(pk=1)
    groups = list(Group.objects.all())
    return HttpResponse(f"{user.username} {[group.name for group in groups]}".encode() * 200)


def missing(request, pk):
    """Refuse as `get_object_or_404` does."""
    try:
        User.objects.get(pk=pk + 1_000)
    except User.DoesNotExist:
        raise Http404("No User matches the given query.") from None


def form(request):
    """Answer a POST, which the CSRF check lets nobody reach."""
    return HttpResponse(b"posted")
