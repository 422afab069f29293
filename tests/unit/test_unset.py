"""A model that has been pickled or copied is still equal to itself."""

from __future__ import annotations

import copy
import pickle

import atlas_invoices as ai


def test_unset_stays_one_object_through_pickles_and_copies() -> None:
    assert ai.Client is not None  # what a pipeline that has models has imported
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(ai.UNSET, protocol)) is ai.UNSET  # noqa: S301 - our own bytes
    assert copy.copy(ai.UNSET) is ai.UNSET
    assert copy.deepcopy(ai.UNSET) is ai.UNSET


def test_a_model_survives_pickling() -> None:
    invoice = ai.BillingInvoice.from_dict({"id": "1", "payments": [{"unitPrice": "0.92"}]})
    again = pickle.loads(pickle.dumps(invoice))  # noqa: S301 - our own bytes
    assert again == invoice
    assert again.org_id is ai.UNSET
