"""Filters that write measures the way the practice does."""

from django import template

register = template.Library()


@register.filter
def kilograms(weight):
    """Write a weight with one decimal: 4.2 kg."""
    return f"{weight:.1f} kg"
