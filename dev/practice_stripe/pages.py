"""Pages for people: the pay page, the list of payments, a receipt, and a stand-in for the web client."""

from html import escape
from typing import Any

from dev.practice_stripe.account import Account, Thing

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; color: #222 }}
button {{ font: inherit; padding: .4rem .9rem; margin: .2rem .3rem .2rem 0; cursor: pointer }}
form {{ display: inline }} table {{ border-collapse: collapse; width: 100% }}
td, th {{ text-align: left; padding: .4rem; border-bottom: 1px solid #ddd; vertical-align: top }}
.note {{ color: #666; font-size: .9rem }} .said {{ background: #fff3cd; padding: .5rem }}
</style></head><body><h1>{title}</h1>{body}<p class="note">Practice Stripe: no money moves here.</p></body></html>"""


def pay_page(session: Thing, said: str = "") -> str:
    """Pay, pay later, have the card declined, or go back; for a delayed payment, let it come or fail."""
    names = ", ".join(session.get("_names", []))
    body = f"<p>{escape(names)}</p><p><strong>{money(session['amount_total'], session['currency'])}</strong></p>"
    if said:
        body += f'<p class="said">{escape(said)}</p>'
    address = f"/pay/{session['id']}"
    if session["status"] == "open":
        for action, label in (
            ("pay", "Pay"),
            ("pay_later", "Pay later (bank debit, takes days)"),
            ("decline", "Fail (card declined)"),
            ("cancel", "Cancel"),
        ):
            body += _button(f"{address}/{action}", label)
    elif session["status"] == "complete" and session["payment_status"] == "unpaid":
        body += "<p>Checkout is complete, the money is on its way.</p>"
        body += _button(f"{address}/arrive", "The money arrives")
        body += _button(f"{address}/fail_later", "It does not come")
    else:
        body += f"<p>This session is {session['status']}, {session['payment_status']}.</p>"
    return _page("Practice checkout", body)


def dashboard(account: Account) -> str:
    """All sessions with their payments, to refund and dispute, and subscriptions, to renew and end."""
    rows = "".join(_row(account, session) for session in reversed(account.things["session"].values()))
    table = f"<table><tr><th>Session<th>Amount<th>State<th>Do</tr>{rows}</table>"
    page = table if rows else "<p>Nothing was bought yet.</p>"
    running = "".join(_subscription_row(one) for one in reversed(account.things["subscription"].values()))
    if running:
        page += f"<h2>Subscriptions</h2><table><tr><th>Subscription<th>Amount<th>State<th>Do</tr>{running}</table>"
    return _page("Practice payments", page)


def receipt(charge: Thing) -> str:
    """A receipt."""
    body = f"<p>{escape(charge['description'] or '')}</p><p>{money(charge['amount'], charge['currency'])} paid."
    return _page("Receipt", f"{body} {money(charge['amount_refunded'], charge['currency'])} given back.</p>")


def client_page(path: str) -> str:
    """Returns the page to which a member comes back while there is no web client."""
    word = "Thank you" if path.endswith("/success") else "Nothing was paid"
    body = "<p>Your web client's page would be here: set STOA_CLIENT_URL to its address.</p>"
    return _page(word, body)


def money(amount: int, currency: str) -> str:
    """An amount for people."""
    return f"{amount / 100:.2f} {currency.upper()}"


def _row(account: Account, session: Thing) -> str:
    intent = account.things["payment_intent"].get(session["payment_intent"] or "")
    charge = account.things["charge"].get((intent or {}).get("latest_charge") or "")
    state, actions = f"{session['status']}, {session['payment_status']}", ""
    if session["status"] == "open" or (intent or {}).get("status") == "processing":
        actions += f'<a href="/pay/{session["id"]}">pay page</a>'
    if session["status"] == "open":
        actions += _button(f"/practice/sessions/{session['id']}/expire", "Expire")
    if charge:
        state += f", {money(charge['amount_refunded'], charge['currency'])} refunded"
        if not charge["refunded"]:
            actions += _button(f"/practice/charges/{charge['id']}/refund", "Refund all")
        actions += _button(f"/practice/charges/{charge['id']}/dispute", "Dispute")
        for dispute in _disputes(account, charge):
            state += f", dispute {dispute['status']}"
            if dispute["status"] == "needs_response":
                actions += _button(f"/practice/disputes/{dispute['id']}/close?status=won", "Dispute won")
                actions += _button(f"/practice/disputes/{dispute['id']}/close?status=lost", "Dispute lost")
    amount = money(session["amount_total"], session["currency"])
    names = escape(", ".join(session.get("_names", [])))
    return f"<tr><td>{names}<br><span class=note>{session['id']}</span><td>{amount}<td>{state}<td>{actions}</tr>"


def _subscription_row(subscription: Thing) -> str:
    state, actions = subscription["status"], ""
    if subscription["cancel_at_period_end"] and state != "canceled":
        state += ", ends with its month"
    if subscription["status"] != "canceled":
        address = f"/practice/subscriptions/{subscription['id']}"
        labels = {"renew": "Next month, paid", "fail_renewal": "Next month, unpaid", "cancel": "End now"}
        if subscription["status"] == "past_due":
            labels = {"recover": "Pay what is open", "cancel": "End now"}
        actions = "".join(_button(f"{address}/{action}", label) for action, label in labels.items())
    amount = money(subscription["_amount"], subscription["currency"])
    about = f"{escape(subscription['description'] or '')}<br><span class=note>{subscription['id']}</span>"
    return f"<tr><td>{about}<td>{amount} a month<td>{state}<td>{actions}</tr>"


def _disputes(account: Account, charge: Thing) -> list[dict[str, Any]]:
    return [dispute for dispute in account.things["dispute"].values() if dispute["charge"] == charge["id"]]


def _button(address: str, label: str) -> str:
    return f'<form method="post" action="{escape(address)}"><button>{escape(label)}</button></form>'


def _page(title: str, body: str) -> str:
    return _PAGE.format(title=escape(title), body=body)
