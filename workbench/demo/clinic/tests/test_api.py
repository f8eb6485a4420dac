def test_the_list_of_pets(client, dog):
    assert client.get("/api/pets/").json()["pets"] == [
        {"id": dog.pk, "name": "Bello", "species": "dog", "owner": "Amara Okafor", "weight_kg": "23.40"}
    ]


def test_an_unknown_pet_is_not_found(client, db):
    assert client.get("/api/pets/999/").status_code == 404


def test_visits_cannot_be_listed(client, db):
    assert client.get("/api/visits/").status_code == 405


def test_a_visit_is_booked(client, dog):
    booking = {"pet": dog.pk, "on": "2025-03-01", "treatment": "checkup"}

    response = client.post("/api/visits/", booking, content_type="application/json")

    assert response.status_code == 201
    assert dog.visits.get().pk == response.json()["visit"]


def test_a_booking_that_makes_no_sense_is_explained(client, dog):
    booking = {"pet": dog.pk, "on": "yesterday", "treatment": "massage"}

    response = client.post("/api/visits/", booking, content_type="application/json")

    assert response.status_code == 422
    assert set(response.json()["errors"]) == {"on", "treatment"}


def test_a_booking_that_is_not_json_is_turned_down(client, db):
    assert client.post("/api/visits/", "pet=1", content_type="application/json").status_code == 400
