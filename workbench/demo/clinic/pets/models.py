"""Owners, their pets, and the visits of these to the practice."""

from django.db import models
from django.urls import reverse


class Species(models.TextChoices):
    DOG = "dog", "Dog"
    CAT = "cat", "Cat"
    BIRD = "bird", "Bird"
    RABBIT = "rabbit", "Rabbit"


class Treatment(models.TextChoices):
    CHECKUP = "checkup", "Check-up"
    VACCINATION = "vaccination", "Vaccination"
    DENTAL = "dental", "Dental cleaning"


class Owner(models.Model):
    name = models.CharField(max_length=100)
    email = models.EmailField()
    phone = models.CharField(max_length=30, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("owner", args=[self.pk])


class Pet(models.Model):
    name = models.CharField(max_length=50)
    species = models.CharField(max_length=10, choices=Species)
    owner = models.ForeignKey(Owner, on_delete=models.CASCADE, related_name="pets")
    registered = models.DateField()
    weight_kg = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("pet", args=[self.pk])


class Visit(models.Model):
    pet = models.ForeignKey(Pet, on_delete=models.CASCADE, related_name="visits")
    on = models.DateField()
    treatment = models.CharField(max_length=20, choices=Treatment)
    notes = models.TextField(blank=True)

    class Meta:
        ordering = ["-on"]

    def __str__(self):
        return f"{self.pet}, {self.get_treatment_display().lower()} on {self.on}"
