"""Hundreds of different faults, each with code of its own: five calls of the application below two of Django's."""

import importlib.util
import linecache
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group, User

NUMBER = 700
SOURCE = """
def offer_{n}(user, groups, filters, pk):
    began = datetime.datetime(2026, 11, 22, 12, 30)
    basket = [{{"article": f"hay-{{index}}", "amount": index, "note": "for the long ears"}} for index in range(6)]
    total, currency = decimal.Decimal("12.90"), "EUR"
    return quote_{n}(Visit(pk, filters["species"]), basket, currency)


def quote_{n}(visit, basket, currency):
    # The price list is kept beside the code.
    prices = {{"dog": 40, "cat": 30, "budgie": 12, "hamster": 9, "goldfish": 5, "tortoise": 21}}
    discounts = (0.0, 0.05, 0.1, None)
    comment = "A visit on a Sunday costs more than one on any other day of the week, and so it says on the door."
    return line_{n}(visit, prices, len(basket))


def line_{n}(visit, prices, amount):
    factor, rounded = 1.19, True
    path = "/srv/shop/prices/2026.csv"
    return amount * factor * price_{n}(prices, visit.species)


def price_{n}(prices, species):
    known = sorted(prices)
    fallback = None
    return prices[species]
"""
HEAD = '''"""Written by bench_faults."""
import datetime
import decimal


class Visit:
    def __init__(self, pk, species):
        self.pk, self.species, self.notes = pk, species, ["long ears", "bites"]
'''


def _load(path):
    spec = importlib.util.spec_from_file_location("shop_prices", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    linecache.getlines(str(path))
    return module


_path = Path(settings.BASE_DIR) / "shop_prices.py"
if not _path.exists():
    _path.write_text(HEAD + "\n".join(SOURCE.format(n=number) for number in range(NUMBER)), encoding="utf-8")
_module = _load(_path)
_OFFERS = [getattr(_module, f"offer_{number}") for number in range(NUMBER)]


def fault(request, number, pk):
    """Work a little, and fail four calls below."""
    user = User.objects.get(pk=1)
    groups = list(Group.objects.all())
    filters = {"species": "rabbit", "page": 3, "sort": ["-price", "name"], "token": "t0ps3cret"}
    return _OFFERS[number](user, groups, filters, pk)
