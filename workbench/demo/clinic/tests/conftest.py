from datetime import date
from decimal import Decimal

import pytest

from pets.models import Owner, Pet, Visit


@pytest.fixture
def owner(db):
    return Owner.objects.create(name="Amara Okafor", email="amara@clinic.example")


@pytest.fixture
def dog(owner):
    return Pet.objects.create(
        name="Bello", species="dog", owner=owner, registered=date(2024, 2, 5), weight_kg=Decimal("23.40")
    )


@pytest.fixture
def visit(dog):
    return Visit.objects.create(pet=dog, on=date(2025, 2, 5), treatment="vaccination")
