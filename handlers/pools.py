# SPDX-License-Identifier: Apache-2.0
"""Hosts that many tenants share: whoever rents a mailbox there can send from them, so they vouch for nobody.

Known by what a confirmed name ends in (docs/addresses.md shows the list). A host without a confirmed name is in none.
"""

_POOLS = {
    "google": ("google.com", "googlemail.com"),
    "microsoft": ("outlook.com", "hotmail.com", "protection.office365.us", "partner.outlook.cn"),
    "yahoo": ("yahoo.com", "yahoodns.net", "aol.com"),
    "apple": ("apple.com", "icloud.com", "me.com"),
    "amazon": ("amazonses.com", "awsapps.com", "smtp-out.amazonaws.com"),
    "cloudflare": ("cloudflare-email.net", "cloudflare-email.com", "email.cloudflare.net"),
    "zoho": ("zoho.com", "zoho.eu", "zoho.in", "zoho.com.au", "zohomail.com"),
    "fastmail": ("messagingengine.com",),
    "proton": ("protonmail.ch", "proton.ch"),
    "gmx, web.de, ionos": ("gmx.net", "gmx.com", "web.de", "kundenserver.de", "perfora.net", "1and1.com"),
    "strato": ("rzone.de",),
    "ovh": ("mail-out.ovh.net", "ha.ovh.net", "mail.ovh.net"),
    "gandi": ("mail.gandi.net",),
    "godaddy": ("secureserver.net",),
    "namecheap": ("registrar-servers.com", "privateemail.com", "jellyfish.systems", "web-hosting.com"),
    "rackspace": ("emailsrvr.com",),
    "yandex": ("yandex.net", "yandex.ru"),
    "mail.ru": ("mail.ru",),
    "forward email": ("forwardemail.net",),
    "improvmx": ("improvmx.com",),
    "pobox": ("pobox.com",),
    "mimecast": ("mimecast.com", "mimecast.co.za", "mimecast-offshore.com"),
    "proofpoint": ("pphosted.com", "ppe-hosted.com"),
    "broadcom": ("messagelabs.com",),
    "barracuda": ("barracudanetworks.com", "ess.barracuda.com"),
    "cisco": ("iphmx.com",),
    "sendgrid": ("sendgrid.net",),
    "mailgun": ("mailgun.net", "mailgun.org"),
    "mailchannels": ("mailchannels.net",),
}
_POOL_OF = {suffix: pool for pool, suffixes in _POOLS.items() for suffix in suffixes}


def pool_of(name: str) -> str:
    """The pool that a confirmed host name belongs to; empty for a host of its own."""
    labels = name.lower().rstrip(".").split(".")
    endings = (".".join(labels[start:]) for start in range(len(labels)))
    return next((_POOL_OF[ending] for ending in endings if ending in _POOL_OF), "")
