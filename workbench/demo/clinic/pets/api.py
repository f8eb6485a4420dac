"""The JSON API of the app in the waiting room."""

import json

from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from pets.billing import invoice
from pets.checkups import next_checkup
from pets.forms import VisitForm
from pets.models import Pet, Visit


@require_GET
def pets(request):
    return JsonResponse({"pets": [_pet(pet) for pet in Pet.objects.select_related("owner")]})


@require_GET
def pet(request, pk):
    return JsonResponse(_pet(get_object_or_404(Pet.objects.select_related("owner"), pk=pk)))


@require_GET
def checkup(request, pk):
    pet = get_object_or_404(Pet, pk=pk)
    return JsonResponse({"pet": pet.name, "due": next_checkup(pet)})


@csrf_exempt  # the app sends no cookies
@require_POST
def book_visit(request):
    try:
        data = json.loads(request.body)
    except ValueError:
        return JsonResponse({"error": "The body is not JSON."}, status=400)
    form = VisitForm(data)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=422)
    return JsonResponse({"visit": form.save().pk}, status=201)


@require_GET
def visit_invoice(request, pk):
    visit = get_object_or_404(Visit.objects.select_related("pet"), pk=pk)
    return JsonResponse(invoice(visit))


def _pet(pet):
    return {
        "id": pet.pk,
        "name": pet.name,
        "species": pet.species,
        "owner": pet.owner.name,
        "weight_kg": pet.weight_kg,
    }
