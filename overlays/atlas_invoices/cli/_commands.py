"""The list of commands, and the help that shows it. Apart from the rest, because it's printed without click."""

from __future__ import annotations

# Name: module, which is imported when the command is called, and text for the list of commands.
COMMANDS = {
    "orgs": ("_invoices", "List the organizations that the credentials can see."),
    "list": ("_invoices", "List an organization's invoices."),
    "pending": ("_invoices", "List the invoices of the open period."),
    "download": ("_invoices", "Save one invoice as CSV, exactly as sent."),
    "sync": ("_sync", "Keep a folder with every invoice of an organization."),
    "show": ("_show", "Show where an invoice's money went."),
    "export": ("_export", "Write an invoice's lines with types: csv, jsonl or parquet."),
    "focus": ("_focus", "Write invoices in FOCUS, the table that cost tools exchange."),
    "load": ("_load", "Load invoices into DuckDB, Delta Lake or Iceberg, each whole and once."),
    "report": ("_report", "Make one HTML page that shows where the money went."),
    "owed": ("_money", "Show the amount owed on an invoice, term by term."),
    "reconcile": ("_money", "Check that an invoice's CSV adds up to the invoice."),
    "completion": ("_completion", "Print the shell's completion script."),
    "logout": ("_account", "Revoke and delete the cached access token."),
    "doctor": ("_account", "Check credentials, server and permissions, step by step."),
    "sandbox": ("_sandbox", "Run a local Atlas with realistic invoices."),
}

_HELP = """\
Usage: atlas-invoices [OPTIONS] COMMAND [ARGS]...

  Get MongoDB Atlas invoices out of Atlas.

  Credentials come from the environment: MONGODB_ATLAS_CLIENT_ID and
  MONGODB_ATLAS_CLIENT_SECRET for a service account, MONGODB_ATLAS_PUBLIC_API_KEY
  and MONGODB_ATLAS_PRIVATE_API_KEY for an API key, or MONGODB_ATLAS_ACCESS_TOKEN.
  Without these, they come from a profile of the Atlas CLI (--profile). Run
  `atlas-invoices doctor` to check them.

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Commands:
"""


def help_text() -> str:
    """Return the help of the whole command, for which click isn't needed."""
    return _HELP + "".join(f"  {name:<12}{text}\n" for name, (_, text) in COMMANDS.items())
