"""When a patient should come again."""

from datetime import timedelta

from pets.models import Species

YEARLY = timedelta(days=365)
HALF_YEARLY = timedelta(days=182)


def next_checkup(pet):
    """Return the day on which a pet is due for its next check-up."""
    last_visit = pet.visits.first()
    return last_visit.on + interval(pet.species)


def interval(species):
    """Return the time between two check-ups of a species."""
    return HALF_YEARLY if species == Species.BIRD else YEARLY
