from pets.models import Owner


def test_the_front_page_lists_the_patients(client, dog):
    assert "Bello" in client.get("/").content.decode()


def test_the_card_of_a_patient(client, visit):
    page = client.get(visit.pet.get_absolute_url()).content.decode()

    assert "23.4 kg" in page
    assert "Vaccination" in page


def test_the_owners(client, dog):
    assert "Amara Okafor" in client.get("/owners/").content.decode()
    assert "Bello" in client.get(dog.owner.get_absolute_url()).content.decode()


def test_a_new_owner_is_saved(client, db):
    assert "<form" in client.get("/owners/new/").content.decode()

    response = client.post("/owners/new/", {"name": "Mei Tanaka", "email": "mei@clinic.example"})

    assert response.status_code == 302
    assert Owner.objects.get().name == "Mei Tanaka"
