from typing import Literal

ListInvoicesOrderBy = Literal["asc", "desc"]

LIST_INVOICES_ORDER_BY_VALUES: set[ListInvoicesOrderBy] = {
    "asc",
    "desc",
}


def check_list_invoices_order_by(value: str) -> ListInvoicesOrderBy:
    if value in LIST_INVOICES_ORDER_BY_VALUES:
        return value
    raise TypeError(f"Unexpected value {value!r}. Expected one of {LIST_INVOICES_ORDER_BY_VALUES!r}")
