"""The pages of the front desk."""

from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from pets.forms import OwnerForm
from pets.models import Owner, Pet


@require_GET
def home(request):
    return render(request, "pets/home.html", {"pets": Pet.objects.select_related("owner")})


@require_GET
def pet(request, pk):
    pet = get_object_or_404(Pet.objects.select_related("owner"), pk=pk)
    return render(request, "pets/pet.html", {"pet": pet, "visits": pet.visits.all()})


@require_GET
def owners(request):
    return render(request, "pets/owners.html", {"owners": Owner.objects.prefetch_related("pets")})


@require_GET
def owner(request, pk):
    owner = get_object_or_404(Owner, pk=pk)
    return render(request, "pets/owner.html", {"owner": owner, "pets": owner.pets.all()})


@require_http_methods(["GET", "POST"])
def new_owner(request):
    form = OwnerForm(request.POST or None)
    if form.is_valid():
        return redirect(form.save())
    return render(request, "pets/new_owner.html", {"form": form})
