# SPDX-License-Identifier: Apache-2.0
"""A desk that says something in every section about cases."""

from storage.address import parse
from storage.case_values import (
    Account,
    Calendar,
    CaseField,
    CaseSettings,
    CaseTeam,
    Handling,
    Outcome,
    Role,
    Sections,
    Status,
    Target,
    Telling,
    View,
)
from storage.desk_values import Agent, Contact, Desk, RoutingAddress, Team

SUPPORT, SALES = parse("support@firm.example"), parse("sales@firm.example")

SECTIONS = Sections(
    cases=CaseSettings(
        number_prefix="FS-",
        number_start=1000,
        several_addresses="linked_cases",
        auto_close_days=0,
        handling=Handling(threads="strict", reopen_days=0, subject_tag=True, tags=(), fields={}),
    ),
    statuses=(Status("waiting_for_parts", "on_hold"), Status("answered", "pending")),
    outcomes=(Outcome("sold", 'Sold: "yes"'), Outcome("lost")),
    fields=(
        CaseField("product", "choice", "Product", ("press", "drill, large"), "press"),
        CaseField("seats", "number", default="1"),
        CaseField("until", "date"),
        CaseField("warranty", "yes_no", default="no"),
        CaseField("order"),
    ),
    calendars=(Calendar("office", "Europe/Berlin", ("mon-thu 09:00-17:30", "fri 09:00-15:00"), ("2026-12-25",)),),
    targets=(
        Target("vip", 3600, 86400, "office", ("high", "urgent"), ("support@firm.example",), ("support",)),
        Target("usual", first_response=14400),
    ),
    roles=(Role("manager", "write"), Role("watcher")),
    case_teams=(CaseTeam("crisis", ("ann:manager", "bob:watcher")),),
    tellings=(Telling("priority", "high", ("manager",)), Telling("status", agents=("bob",))),
    views=(
        View(
            "hot",
            statuses=("open", "answered"),
            priorities=("urgent",),
            teams=("support",),
            queues=("fallback",),
            owners=("me", "nobody"),
            tags=("vip",),
            contact="carl@customer.example",
            account="Customer Ltd",
            overdue=True,
        ),
    ),
)

WHOLE = Desk(
    teams=(Team("support", "Firm Support", SUPPORT), Team("sales", "Firm Sales", SALES)),
    agents=(
        Agent("ann", "Ann Doe", parse("ann.doe@private.example"), ("support",)),
        Agent("bob", "Bob Roe", parse("bob.roe@private.example"), ("support", "sales")),
    ),
    addresses=(
        RoutingAddress(
            SUPPORT,
            "support",
            verified=True,
            handling=Handling(
                threads="open",
                thread_by="contact",
                topic_change="new_case",
                subject_tag=False,
                reopen_days=7,
                priority="high",
                tags=("vip", "Ärger"),
                fields={"product": "drill, large", "seats": "12", "until": "2026-12-25", "warranty": "yes"},
                target="usual",
            ),
        ),
        RoutingAddress(SALES, "sales", verified=True),
    ),
    contacts=(Contact("Carl Customer", (parse("carl@customer.example"),), "de", "Customer Ltd"),),
    accounts=(Account("Customer Ltd", ("customer.example", "customer.invalid")),),
    sections=SECTIONS,
)
