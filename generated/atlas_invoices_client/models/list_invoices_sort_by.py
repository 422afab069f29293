from typing import Literal

ListInvoicesSortBy = Literal["END_DATE", "START_DATE"]

LIST_INVOICES_SORT_BY_VALUES: set[ListInvoicesSortBy] = {
    "END_DATE",
    "START_DATE",
}


def check_list_invoices_sort_by(value: str) -> ListInvoicesSortBy:
    if value in LIST_INVOICES_SORT_BY_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {LIST_INVOICES_SORT_BY_VALUES!r}")
