from typing import Literal

ListInvoicesStatusNamesItem = Literal["CLOSED", "FAILED", "FORGIVEN", "FREE", "INVOICED", "PAID", "PENDING", "PREPAID"]

LIST_INVOICES_STATUS_NAMES_ITEM_VALUES: set[ListInvoicesStatusNamesItem] = {
    "CLOSED",
    "FAILED",
    "FORGIVEN",
    "FREE",
    "INVOICED",
    "PAID",
    "PENDING",
    "PREPAID",
}


def check_list_invoices_status_names_item(value: str) -> ListInvoicesStatusNamesItem:
    if value in LIST_INVOICES_STATUS_NAMES_ITEM_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {LIST_INVOICES_STATUS_NAMES_ITEM_VALUES!r}")
