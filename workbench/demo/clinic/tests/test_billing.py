def test_an_invoice_adds_the_handling_to_the_treatment(client, visit):
    assert client.get(f"/api/visits/{visit.pk}/invoice/").json() == {
        "visit": visit.pk,
        "pet": "Bello",
        "lines": [
            {"text": "Vaccination", "amount": "35.00"},
            {"text": "Handling, dog", "amount": "8.00"},
        ],
        "total": "43.00",
    }
