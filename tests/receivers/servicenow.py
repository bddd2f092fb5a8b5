#!/usr/bin/env python3
"""Looks at a ServiceNow instance through PySNC, a client that others wrote.

    servicenow.py drive URL USER PASSWORD    writes, reads, changes, lists and deletes a record; says what does not hold
    servicenow.py list URL USER PASSWORD     prints every incident, a JSON line each
"""

import json
import sys

import requests
from pysnc import ServiceNowClient
from pysnc.exceptions import AuthenticationException, NotFoundException

SHOWN = ["number", "correlation_id", "short_description", "description", "impact", "urgency", "priority", "state"]


class InClear(requests.adapters.HTTPAdapter):
    """PySNC speaks https only; the sandbox on loopback speaks http."""

    def send(self, request, **settings):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **settings)


def connect(url, user, password):
    client = ServiceNowClient(url.replace("http://", "https://", 1), (user, password))
    client.session.mount(client.instance, InClear())
    return client


def hold(what, holds):
    if not holds:
        sys.exit(f"does not hold: {what}")


def drive(url, user, password):
    client = connect(url, user, password)
    record = client.GlideRecord("incident")
    record.initialize()
    record.short_description, record.impact, record.urgency = "driven by PySNC", "1", "2"
    record.correlation_id, record.nonsense = "pysnc-1", "dropped"
    sys_id = str(record.insert())
    hold("an insert answers with the record", len(sys_id) == 32 and record.get_value("priority") == "2")

    read = client.GlideRecord("incident")
    hold("it is found by sys_id", read.get(sys_id) and read.get_value("short_description") == "driven by PySNC")
    hold("an unknown field is dropped without a word", "nonsense" not in read.fields)
    read.work_notes, read.urgency = "a note", "1"
    hold("an update answers", read.update() is not None and read.get_value("priority") == "1")
    hold("work notes show as display values only", "a note" in read.get_display_value("work_notes"))

    for number in range(2, 6):
        more = client.GlideRecord("incident")
        more.initialize()
        more.correlation_id, more.short_description = f"pysnc-{number}", f"number {number}"
        more.insert()
    found = client.GlideRecord("incident", batch_size=2)
    found.add_query("correlation_id", "STARTSWITH", "pysnc-")
    found.order_by_desc("correlation_id")
    found.query()
    ids = [str(each.correlation_id) for each in found]
    hold("pages of two come one after the other, in order", ids == [f"pysnc-{number}" for number in (5, 4, 3, 2, 1)])
    hold("the total is of all pages", found.get_row_count() == 5)

    for number in range(1, 6):
        gone = client.GlideRecord("incident")
        hold("a record is found by a field", gone.get("correlation_id", f"pysnc-{number}"))
        hold("and deleted", gone.delete())
    try:
        hold("a deleted record is gone", not client.GlideRecord("incident").get(sys_id))
    except NotFoundException:
        pass
    try:
        stranger = connect(url, user, "wrong").GlideRecord("incident")
        stranger.query()
        hold("a wrong password is refused", False)
    except AuthenticationException:
        pass


def show(url, user, password):
    records = connect(url, user, password).GlideRecord("incident")
    records.query()
    for record in records:
        line = {name: record.get_value(name) for name in SHOWN}
        line["work_notes"] = record.get_display_value("work_notes")
        print(json.dumps(line))


if __name__ == "__main__":
    {"drive": drive, "list": show}[sys.argv[1]](*sys.argv[2:])
