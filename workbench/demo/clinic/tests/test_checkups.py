from datetime import date

from pets.checkups import next_checkup


def test_a_dog_is_due_a_year_after_its_last_visit(visit):
    assert next_checkup(visit.pet) == date(2026, 2, 5)


def test_a_bird_is_due_after_half_a_year(visit):
    visit.pet.species = "bird"
    assert next_checkup(visit.pet) == date(2025, 8, 6)


def test_the_app_is_told_the_day(client, visit):
    assert client.get(f"/api/pets/{visit.pet.pk}/checkup/").json() == {"pet": "Bello", "due": "2026-02-05"}
