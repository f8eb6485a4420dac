from django import forms

from pets.models import Owner, Visit


class OwnerForm(forms.ModelForm):
    class Meta:
        model = Owner
        fields = ["name", "email", "phone"]


class VisitForm(forms.ModelForm):
    class Meta:
        model = Visit
        fields = ["pet", "on", "treatment", "notes"]
