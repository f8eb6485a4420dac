"""What a visit costs."""

from dataclasses import dataclass
from decimal import Decimal

STANDARD_HANDLING_FEE = Decimal("5.00")

HANDLING_FEES = {
    "dog": Decimal("8.00"),
    "cat": STANDARD_HANDLING_FEE,
    "bird": Decimal("6.50"),
}

TREATMENT_FEES = {
    "checkup": Decimal("48.00"),
    "vaccination": Decimal("35.00"),
    "dental": Decimal("120.00"),
}


@dataclass(frozen=True)
class Line:
    text: str
    amount: Decimal


def invoice(visit):
    """Return the invoice of a visit, ready to be sent as JSON."""
    lines = line_items(visit)
    return {
        "visit": visit.pk,
        "pet": visit.pet.name,
        "lines": [{"text": line.text, "amount": str(line.amount)} for line in lines],
        "total": str(sum(line.amount for line in lines)),
    }


def line_items(visit):
    """Return what a visit is charged for: the treatment, then the handling."""
    treatment = Line(visit.get_treatment_display(), TREATMENT_FEES[visit.treatment])
    return [treatment, handling(visit.pet)]


def handling(pet):
    """Return the line for handling a pet."""
    return Line(f"Handling, {pet.get_species_display().lower()}", handling_fee(pet.species))


def handling_fee(species):
    """Return the handling fee of a species."""
    return HANDLING_FEES[species]
